"""Runs the Python of README.md and docs/python.md, as it stands there, on real models; exit code 77 (skipped) without them."""

import os
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools.devkit import pins, showcase  # noqa: E402

# What must hold after a page's last block.
CHECKS = {
    "README.md": 'assert scan["far_boost"].shape == (18, scan.n_tokens) and "primary_like" in list(scan.sinks["kind"])',
    "docs/python.md": 'assert list(scan.sinks["kind"]).count("secondary") >= 3 and len(results) == 1',
}


def main():
    models = os.environ.get("SINKSCOPE_MODELS", "")
    if not models or not all((pathlib.Path(models) / model.file).exists() for model in pins.MODELS):
        print("skipped: SINKSCOPE_MODELS names no folder with the models")
        return 77
    for page, check in CHECKS.items():
        blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        with tempfile.TemporaryDirectory() as folder:
            showcase.make_folder(pathlib.Path(folder), pathlib.Path(os.environ["SINKSCOPE_PROGRAM"]), models)
            os.chdir(folder)
            names = {}
            for block in [*blocks, check]:
                print(f">>> {page}\n{block}", flush=True)
                exec(compile(block, page, "exec"), names)
            os.chdir(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
