"""The tiny model, a scan of it, and the program to compare with."""

import json
import os
import pathlib
import subprocess

import numpy
import pytest

import sinkscope as ss
from tiny_model import letters, make_tiny

PROGRAM = os.environ["SINKSCOPE_PROGRAM"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("python")


@pytest.fixture(scope="session")
def tiny(folder):
    return make_tiny(PROGRAM, folder / "tiny.gguf")


@pytest.fixture(scope="session")
def model(tiny):
    return ss.Model(tiny, ubatch_size=128)


@pytest.fixture(scope="session")
def scan(model):
    return model.scan(ss.Document(letters(400, 3), name="letters"))


@pytest.fixture
def program(tmp_path):
    """program(verb, ...): what the program prints, as bytes; code: with which it is to end."""
    def run(*arguments, code=0):
        env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "GOMP_SPINCOUNT": "0"}
        ended = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=env)
        assert ended.returncode == code, ended.stderr.decode()
        return ended.stdout
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
