"""Formatting and static analysis of our own C++."""

import concurrent.futures
import os
import subprocess

from . import build, packages, steps


def _tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                            cwd=steps.ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (steps.ROOT / name).exists()]


def fmt(check):
    """Formats every source file, or only says which are not formatted."""
    packages.ensure(packages.FORMAT)
    files = _tracked("*.cpp", "*.h")
    mode = ["--dry-run", "--Werror"] if check else ["-i"]
    steps.run("checking the format of all files" if check else "formatting all files",
              ["clang-format-19", *mode, *files])


def tidy(wanted):
    """clang-tidy over the given source files, or all of them."""
    packages.ensure(packages.TIDY)
    build.build("dev")
    files = wanted or _tracked("src/*.cpp")
    log = steps.log_path("clang-tidy")

    def check(file):
        return subprocess.run(["clang-tidy-19", "--quiet", "-p", build.folder("dev"), file], cwd=steps.ROOT,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    failed = []
    with open(log, "w", encoding="utf-8") as out, steps.step(f"clang-tidy over {len(files)} files"), \
            concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for file, result in zip(files, pool.map(check, files)):
            out.write(result.stdout + (result.stderr if result.returncode else ""))
            if result.returncode:
                failed.append(file)
    if failed:
        raise steps.Failed("\n".join([*log.read_text(encoding="utf-8").splitlines()[-steps.LAST_LINES:], "",
                                      f"clang-tidy: {len(failed)} files: {' '.join(failed)}; the whole log: {log}"]))
