"""Folders and names of Hugging Face models, as far as it goes without the packages that the conversion needs; the
conversion itself is in interop/."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import sinkscope as ss
from conftest import PROGRAM
from sinkscope import convert


@pytest.fixture
def hf(tmp_path, monkeypatch):
    """A folder that looks like a model, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "tiny-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"dtype": "float32"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def converter(tiny, monkeypatch):
    """A converter that "converts" any folder to the tiny model; calls of it."""
    calls = []

    def convert_it(folder, target):
        calls.append(folder)
        shutil.copy(tiny, target)

    monkeypatch.setattr(convert, "_convert", convert_it)
    monkeypatch.setattr(convert, "_check_extra", lambda folder: None)
    return calls


def test_a_folder_is_converted_once(hf, converter):
    model = ss.Model(hf)
    assert model.facts.n_layers == 8 and model.facts.path.startswith(os.environ["XDG_CACHE_HOME"])
    assert "tiny-model" in model.facts.path
    assert ss.Model(str(hf)).facts.path == model.facts.path and len(converter) == 1
    # By content: another time, another place and a note beside it change nothing, other weights do.
    (hf / "README.md").write_text("hello")
    os.utime(hf / "config.json", (1, 1))
    moved = hf.rename(hf.parent / "elsewhere")
    moved.rename(hf)
    assert convert.gguf_of(hf) == model.facts.path and len(converter) == 1
    (hf / "model.safetensors").write_bytes(b"others!")
    assert convert.gguf_of(hf) != model.facts.path and len(converter) == 2


def test_digests_of_large_files_are_remembered(hf, converter, monkeypatch):
    monkeypatch.setattr(convert, "_REMEMBERED", 4)
    first = convert.gguf_of(hf)
    monkeypatch.setattr(convert, "_sha256", lambda path: pytest.fail(f"{path} is read again")
                        if path.name == "model.safetensors" else "0" * 64)
    convert._digest(hf / "model.safetensors")
    monkeypatch.undo()
    assert first


def test_float32_stays_float32(hf):
    assert convert._out_type(hf) == "f32"
    (hf / "config.json").write_text(json.dumps({"torch_dtype": "bfloat16"}))
    assert convert._out_type(hf) == "auto"
    (hf / "config.json").write_text("no json")
    assert convert._out_type(hf) == "auto"


def test_a_name_is_looked_up_in_the_hubs_cache(hf, converter):
    repo = convert.hub_cache() / "models--some-org--some.model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc123")
    (repo / "snapshots").mkdir()
    hf.rename(repo / "snapshots" / "abc123")
    model = ss.Model("some-org/some.model")
    assert converter == [repo / "snapshots" / "abc123"] and "some-org-some.model" in model.facts.path


@pytest.mark.skipif(convert.importlib.util.find_spec("torch") is not None, reason="the extra is installed")
def test_without_the_extra_one_line_says_what_to_do(hf, tmp_path):
    with pytest.raises(ss.Error) as raised:
        ss.Model(hf)
    says = str(raised.value)
    assert raised.value.code == "model" and "\n" not in says and "pip install 'sinkscope[convert]'" in says
    assert f"convert_hf_to_gguf.py {hf} --outfile" in says and "torch" in says
    # The converter that is named is there.
    assert (convert._CONVERTER / "convert_hf_to_gguf.py").is_file() and (convert._CONVERTER / "conversion").is_dir()
    env = {**os.environ, "SINKSCOPE_PYTHON": sys.executable}
    done = subprocess.run([PROGRAM, "scan", "-m", hf, "-p", "x"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 4 and "pip install 'sinkscope[convert]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(convert.importlib.util.find_spec("huggingface_hub") is not None, reason="it would ask the network")
def test_names_that_are_nowhere(hf):
    with pytest.raises(ss.Error, match="pip install huggingface_hub"):
        ss.Model("some-org/none")


def test_what_is_no_name():
    for path in ("model.gguf", "a/b.gguf", "/a/b", "a/b/c", "../b", "./b"):
        assert not convert.is_name(path), path
    assert convert.is_name("org/name-1.5B")


def test_the_program_asks_the_package(hf, tiny, tmp_path):
    """The program runs SINKSCOPE_PYTHON; here one that answers as sinkscope.convert does."""
    answer = tmp_path / "python"
    answer.write_text(f'#!/bin/sh\necho "sinkscope: converting" >&2\necho \'{{"gguf": "{tiny}"}}\'\n')
    answer.chmod(0o755)
    env = {**os.environ, "SINKSCOPE_PYTHON": str(answer)}
    done = subprocess.run([PROGRAM, "scan", "-m", hf, "-p", "abc" * 100, "-q", "--json", "-"], capture_output=True,
                          text=True, env=env, check=True)
    assert json.loads(done.stdout)["model"]["arch"] == "llama" and "converting" in done.stderr
    for code, says in ((77, "pip install 'sinkscope[convert]'"), (3, "exit code 3")):
        answer.write_text(f"#!/bin/sh\nexit {code}\n")
        done = subprocess.run([PROGRAM, "scan", "-m", hf, "-p", "x"], capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 4 and says in done.stderr and len(done.stderr.splitlines()) == 1
    env["SINKSCOPE_PYTHON"] = str(tmp_path / "no-such-python")
    for model in (str(hf), "some-org/none"):
        done = subprocess.run([PROGRAM, "scan", "-m", model, "-p", "x"], capture_output=True, text=True, env=env, check=False)
        assert done.returncode == 4 and "sinkscope[convert]" in done.stderr
