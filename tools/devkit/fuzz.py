"""`./dev fuzz`: readers of untrusted bytes, fed with inputs that are almost right."""

import pathlib
import re

from . import build, steps

TARGETS = re.findall(r"foreach\(target ([^)]*)\)", (steps.ROOT / "fuzz" / "CMakeLists.txt").read_text(encoding="utf-8"))[0].split()


def fuzz(target, seconds, seed, preset):
    """Feeds one target for so long. An input that ends the program stays in build/fuzz/.

    throws  Failed naming that input
    """
    build.build(preset, target="fuzz_driver")
    present = pathlib.Path(steps.ROOT / "build" / "fuzz" / f"{target}.input")
    present.parent.mkdir(parents=True, exist_ok=True)
    driver = build.folder(preset) / "fuzz" / "fuzz_driver"
    code = steps.show([driver, target, "--seconds", str(seconds), "--seed", str(seed), "--present", present])
    if code != 0:
        raise steps.Failed(f"fuzz {target}: expected every input to be read or refused, got exit code {code}; the input: "
                           f"{present}; again: {driver} {target} --input {present}")
