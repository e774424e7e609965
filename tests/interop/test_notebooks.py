"""The notebooks of docs/notebooks: they run, and they are kept as they ran."""

import json
import os
import pathlib
import sys

import pytest

from conftest import PROGRAM, ROOT

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
MODELS = os.environ.get("SINKSCOPE_MODELS", "")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder in which the notebooks are at home, as ./dev demo leaves it."""
    if not MODELS:
        pytest.skip("SINKSCOPE_MODELS names no folder with the models")
    sys.path.insert(0, str(ROOT))
    from tools.devkit import showcase

    folder = tmp_path_factory.mktemp("demo")
    showcase.make_folder(folder, pathlib.Path(PROGRAM), MODELS)
    return folder


def errors_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_was_kept_as_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run it from top to bottom"
    assert sum(bool(cell.outputs) for cell in code) >= len(code) - 1 and not errors_of(notebook)
    assert str(pathlib.Path.home()) not in json.dumps(notebook), "a path of one machine"
    assert path.stat().st_size < 3 << 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, demo, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(entry for entry in sys.path if entry))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3",
                            resources={"metadata": {"path": str(demo)}}).execute()
    assert not errors_of(notebook)
    if path.stem == "first_scan":
        page = notebook.cells[-1].outputs[0].data["text/html"]
        assert page.startswith("<iframe sandbox=") and len(page.encode()) <= 2 << 20


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["first_scan", "is_my_claim_true", "which_tokens_must_my_cache_keep"]
