"""A tiny model with a sink that is known, texts, and the program to compare with."""

import json
import os
import pathlib
import subprocess

import numpy
import pytest

import sinkscope as ss

PROGRAM = os.environ["SINKSCOPE_PROGRAM"]
MARK = "#"  # a sink of layer 2, by construction


def letters(n_bytes, step):
    """A text of bytes, which are the tiny model's tokens, with one mark in it."""
    text = [chr(ord("a") + (i * step + i // 7) % 26) for i in range(n_bytes)]
    text[n_bytes // 3] = MARK
    return "".join(text)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("python")


@pytest.fixture(scope="session")
def tiny(folder):
    path = folder / "tiny.gguf"
    subprocess.run([PROGRAM, "tiny", "--arch", "llama", "--sink", f"layer=2,token='{MARK}',norm=200", "-o", path],
                   check=True, capture_output=True)
    return path


@pytest.fixture(scope="session")
def model(tiny):
    return ss.Model(tiny, ubatch_size=128)


@pytest.fixture(scope="session")
def scan(model):
    return model.scan(ss.Document(letters(400, 3), name="letters"))


@pytest.fixture
def program(tmp_path):
    """program(verb, ...): what the program prints, as bytes."""
    def run(*arguments):
        env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "GOMP_SPINCOUNT": "0"}
        return subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, env=env).stdout
    return run


@pytest.fixture
def program_json(program):
    return lambda *arguments: json.loads(program(*arguments))


def safetensors(path):
    """The arrays of a safetensors file: {name: array}."""
    data = pathlib.Path(path).read_bytes()
    n_header = int.from_bytes(data[:8], "little")
    arrays = {}
    for name, about in json.loads(data[8:8 + n_header]).items():
        if name != "__metadata__":
            first, last = about["data_offsets"]
            kind = {"F32": numpy.float32, "I32": numpy.int32, "I64": numpy.int64}[about["dtype"]]
            arrays[name] = numpy.frombuffer(data[8 + n_header + first:8 + n_header + last], kind).reshape(about["shape"])
    return arrays
