"""A wheel for any x86-64 Linux with a glibc as new as this machine's, and a look at it in a clean environment."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import build, cache, packages, pins, python, steps

FOLDER = steps.ROOT / "build" / "dist"
MOST_MIB = 40
# The test-suite compares with the program of the build tree, bit for bit; that one is made for this processor.
TESTS = ["test_process.py", "test_runs.py", "test_shown.py", "test_wheel.py"]


def _made(interpreter, scratch, env):
    """The wheel as the build backend makes it, with a llama.cpp for x86-64-v3."""
    steps.run("building the wheel (the first time some twenty minutes on two cores)",
              [interpreter, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-cache-dir", "--wheel-dir", scratch,
               "-C", "cmake.define.SINKSCOPE_PORTABLE=ON", "-C", "build-dir=build/wheel/portable-{cache_tag}",
               steps.ROOT], env=env)
    (wheel,) = scratch.glob("sinkscope-*.whl")
    return wheel


def _repaired(interpreter, wheel, env):
    """The same with the system's libraries inside, under the manylinux tag that it earns."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("sinkscope-*.whl"):
        old.unlink()
    steps.run("putting libraries into the wheel", [interpreter, "-m", "auditwheel", "repair", "--plat", "auto", "-w",
                                                   FOLDER, wheel], env=env)
    (repaired,) = FOLDER.glob("sinkscope-*.whl")
    if not re.search(r"-manylinux_\d+_\d+_x86_64", repaired.name):
        raise steps.Failed(f"wheel: expected a manylinux tag, got {repaired.name}")
    mib = repaired.stat().st_size / (1 << 20)
    if mib > MOST_MIB:
        raise steps.Failed(f"wheel: expected at most {MOST_MIB} MiB, got {mib:.1f}")
    return repaired


def _clean(scratch, wheel):
    """The Python of an environment with the wheel, and what its tests need; nothing of this tree is seen from it."""
    interpreter = scratch / "clean" / "bin" / "python"
    steps.run("making a clean environment", [cache.environment("python-tests", pins.PYTHON_TESTS), "-m", "venv",
                                             scratch / "clean"])
    steps.run("installing the pinned packages of its tests",
              [interpreter, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:",
               "--no-cache-dir", "-r", pins.PINS / pins.PYTHON_TESTS])
    steps.run("installing the wheel", [interpreter, "-m", "pip", "install", "--no-deps", "--no-index", wheel])
    return interpreter


def _import_seconds(interpreter, env):
    """Processor time of starting Python and importing: of five times the least."""
    def once(code):
        before = os.times()
        subprocess.run([interpreter, "-c", code], check=True, env=env, cwd="/")
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return [min(once(code) for _ in range(5)) for code in ("pass", "import sinkscope", "import sinkscope; sinkscope.Model")]


def wheel():
    """Makes, checks and tests build/dist/sinkscope-*.whl. Returns the exit code of its tests."""
    packages.ensure(packages.LIBRARY)
    python.ensure_headers()
    interpreter = cache.environment("wheel", pins.WHEEL)
    # By these names CMake finds the compilers too: what another build compiled is taken from its cache.
    env = steps.environment(PATH=f"{interpreter.parent}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=None,
                            CC=os.environ.get("CC", "cc"), CXX=os.environ.get("CXX", "c++"))
    build.build("release", target="sinkscope")  # which makes the tests' model
    with tempfile.TemporaryDirectory(prefix="sinkscope-wheel-") as folder:
        scratch = pathlib.Path(folder)
        made = _repaired(interpreter, _made(interpreter, scratch, env), env)
        clean = _clean(scratch, made)
        tests = scratch / "tests" / "python"
        shutil.copytree(steps.ROOT / "tests" / "python", tests)
        shutil.copytree(steps.ROOT / "docs", scratch / "docs", ignore=shutil.ignore_patterns("images", "notebooks"))
        outside = {"PATH": "/usr/bin:/bin", "HOME": folder, "OMP_WAIT_POLICY": "passive",
                   "SINKSCOPE_PROGRAM": str(build.program())}
        code = steps.show([clean, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[tests / name for name in TESTS]],
                          env=outside, cwd=scratch)
        start, imported, used = _import_seconds(clean, outside)
    steps.say(f"{made.relative_to(steps.ROOT)}: {made.stat().st_size / (1 << 20):.1f} MiB; processor time of the import "
              f"{imported - start:.2f} s, with the library and numpy {used - start:.2f} s")
    return code
