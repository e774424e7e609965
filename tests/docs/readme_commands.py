#!/usr/bin/env python3
"""Runs the commands of README.md or another page, in order, in a scratch folder like the one that ./dev demo leaves.

    readme_commands.py PROGRAM [PAGE]    PAGE is a path in the repository, README.md by default; exit code 77
                                         (skipped) where SINKSCOPE_MODELS is not set

Every fenced block marked `sh` is run, but for the commands that set up or test the project itself.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools.devkit import pins, showcase  # noqa: E402

NOT_HERE = ("./dev", "git clone", "cd sinkscope", "cd build/demo")
SKIPPED = 77


def commands(text):
    """The lines of all sh blocks, continued lines joined, without comments and what is not run here."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"(^|\s)#.*$", "", line).strip()
            if line and not line.startswith(NOT_HERE):
                found.append(line)
    return found


def main():
    models = os.environ.get("SINKSCOPE_MODELS", "")
    if not models or not all((pathlib.Path(models) / model.file).exists() for model in pins.MODELS):
        print("skipped: SINKSCOPE_MODELS names no folder with the models")
        return SKIPPED
    page = sys.argv[2] if len(sys.argv) > 2 else "README.md"
    lines = commands((ROOT / page).read_text(encoding="utf-8"))
    if not any(shlex.split(line)[0] == "./sinkscope" for line in lines):
        print(f"{page}: expected at least one ./sinkscope command in a fenced block marked sh, got none")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        showcase.make_folder(pathlib.Path(folder), pathlib.Path(sys.argv[1]).resolve(), models)
        for line in lines:
            print(f"$ {line}", flush=True)
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=folder, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                print(f"{page}: expected exit code 0, got {done.returncode}: {line}")
                return 1
    print(f"{len(lines)} commands")
    return 0


if __name__ == "__main__":
    sys.exit(main())
