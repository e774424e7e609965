"""Which GPU backend of ggml is built, and what that needs."""

import os
import pathlib
import shutil

from . import cache, packages, steps

BACKENDS = ["cuda", "vulkan"]


def _has_system_cuda():
    return bool(shutil.which("nvcc") or os.environ.get("CUDA_PATH"))


def backend(asked):
    """The backend itself: "auto" is CUDA where there is an NVIDIA driver or toolkit, Vulkan where there is another GPU.

    throws  Failed where auto finds no GPU
    """
    if asked != "auto":
        return asked
    if shutil.which("nvidia-smi") or pathlib.Path("/dev/nvidiactl").exists() or _has_system_cuda():
        return "cuda"
    if any(pathlib.Path("/dev/dri").glob("renderD*")):
        return "vulkan"
    raise steps.Failed("--gpu auto: expected a GPU, or CUDA's compiler, on this machine, got neither; name a backend: " +
                       " or ".join(f"--gpu {name}" for name in BACKENDS))


def cmake_options(name):
    """What cmake is told of a backend, after setting up what it needs."""
    options = [f"-DSINKSCOPE_GPU={name}"]
    if name == "cuda" and not _has_system_cuda():
        options.append(f"-DSINKSCOPE_CUDA_DIR={cache.cuda()}")
    if name == "vulkan":
        packages.ensure(packages.VULKAN)
    return options
