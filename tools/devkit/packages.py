"""Packages of the Debian or Ubuntu that this runs on. Minimum versions are checked by CMake."""

import os
import shutil
import subprocess

from . import steps

LIBRARY = [
    "g++", "cmake", "ninja-build", "libcli11-dev", "nlohmann-json3-dev", "libsqlite3-dev", "libhwy-dev", "libfmt-dev",
    "libeigen3-dev", "libssl-dev", "python3-venv", "zlib1g-dev",
]
BUILD = [*LIBRARY, "libgtest-dev", "libgmock-dev", "libbenchmark-dev"]
CLANG = ["clang-19", "libclang-rt-19-dev", "libomp-19-dev"]
VULKAN = ["libvulkan-dev", "glslc", "spirv-headers"]
CROSS = ["g++-aarch64-linux-gnu"]
FORMAT = ["clang-format-19"]
TIDY = ["clang-tidy-19", "libomp-19-dev"]


def _installed(package):
    status = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package],
                            capture_output=True, text=True, check=False)
    return status.returncode == 0 and status.stdout == "installed"


def _as_root():
    """The start of a command that runs as root, or None where nothing does without asking."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        allowed = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if allowed.returncode == 0:
            return ["sudo", "-n"]
    return None


def ensure(packages):
    """Installs what is missing of these packages.

    throws  Failed with the one line to run, where this user may not install any
    """
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        steps.say("no apt-get here: CMake will say what is missing")
        return
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    as_root = _as_root()
    if as_root is None:
        raise steps.Failed("System packages are missing and may not be installed from here. Run this line, then "
                           f"come back:\n\n  sudo apt-get update && sudo apt-get install -y {' '.join(missing)}\n")
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=900"]
    steps.run("reading the lists of system packages", [*apt, "update"])
    steps.run(f"installing {len(missing)} system packages ({' '.join(missing)})"[:100],
              [*apt, "install", "-y", "--no-install-recommends", *missing])


def ensure_if_allowed(packages, otherwise):
    """The same for what can be done without: where it may not be installed, says so, and what follows from it."""
    try:
        ensure(packages)
    except steps.Failed as failure:
        steps.say(f"{failure}\n\n{otherwise}")
