"""Parquet: in Python a column of it is scanned; the program says which command makes JSONL of it, and that one does."""

import re
import subprocess
import sys

import pytest

import sinkscope as ss
from conftest import PROGRAM
from tiny_model import letters, make_tiny

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

TEXTS = [letters(200, 3), letters(210, 5) + " \u00e9\u4e2d\" / \n", letters(190, 7)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("parquet")
    parquet.write_table(pyarrow.table({"id": ["a", "b", "c"], "text": TEXTS}), place / "c.parquet")
    return place


@pytest.fixture(scope="module")
def tiny(place):
    return make_tiny(PROGRAM, place / "tiny.gguf")


@pytest.fixture(scope="module")
def scanned(tiny):
    """The model, and what it finds in the texts."""
    model = ss.Model(tiny)
    return model, [scan.to_dict() for scan in model.scan(TEXTS)]


def test_a_column_of_pyarrow(place, scanned):
    model, scans = scanned
    column = parquet.read_table(place / "c.parquet")["text"]
    assert [scan.to_dict() for scan in model.scan(column)] == scans


def test_a_column_of_pandas(place, scanned):
    pandas = pytest.importorskip("pandas")
    model, scans = scanned
    assert [scan.to_dict() for scan in model.scan(pandas.read_parquet(place / "c.parquet")["text"])] == scans


def test_a_column_of_datasets(place, scanned):
    datasets = pytest.importorskip("datasets")
    model, scans = scanned
    data = datasets.Dataset.from_parquet(str(place / "c.parquet"), cache_dir=str(place / "cache"))
    assert [scan.to_dict() for scan in model.scan(data["text"])] == scans
    with pytest.raises(ss.Error, match="of a data set give one column"):
        model.scan(data)


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_the_commands_that_the_program_names(place, tiny, package):
    pytest.importorskip(package)
    refused = subprocess.run([PROGRAM, "scan", "-m", tiny, "--jsonl", "c.parquet"], cwd=place, capture_output=True, text=True)
    assert refused.returncode == 3 and refused.stderr.count("\n") == 1
    (command,) = (one for one in re.findall(r'python3 -c "[^"]*"(?: > [\w.]+)?', refused.stderr) if f"import {package}" in one
                  or f", {package}." in one)
    (place / "corpus.jsonl").unlink(missing_ok=True)
    subprocess.run(command.replace("python3", sys.executable, 1), shell=True, cwd=place, check=True)
    subprocess.run([PROGRAM, "scan", "-q", "-m", tiny, "--jsonl", "corpus.jsonl", "-o", f"{package}.db"], cwd=place, check=True,
                   capture_output=True)
    model = ss.Model(tiny)
    found = ss.open(place / f"{package}.db")
    assert [scan.tokens.tolist() for scan in found] == [model.tokenize(text).tolist() for text in TEXTS]
    assert [scan.name for scan in found] == ["a", "b", "c"]
