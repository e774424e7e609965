"""Notebook cells and figures."""

import html
import re
import subprocess
import sys

import pytest

import sinkscope as ss
from conftest import letters


def test_a_notebook_cell_is_the_report_in_a_frame(scan):
    cell = scan._repr_html_()
    assert len(cell.encode()) <= 2 << 20
    frame = re.fullmatch(r'<iframe sandbox="allow-scripts" [^>]*srcdoc="([^"]*)"></iframe>', cell)
    page = html.unescape(frame[1])
    assert page == scan.page() and page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")


def test_a_cell_of_a_long_text_stays_small(tiny):
    scan = ss.Model(tiny).scan(letters(2000, 3))
    assert len(scan._repr_html_().encode()) <= 2 << 20


def test_figures(scan, folder):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("svg")
    axes = ss.plot.map(scan, "far_boost")
    assert axes.get_images()[0].get_array().shape == (8, 401) and axes.get_title() == "letters"
    axes = ss.plot.map(scan, "alignment", cmap="RdBu")
    assert axes.get_images()[0].get_cmap().name == "RdBu"
    axes = ss.plot.norms(scan)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["other tokens", "primary", "primary_like"]
    axes = ss.plot.levels([scan, scan])
    assert axes.texts[0].get_text() == "2"
    axes.figure.savefig(folder / "levels.svg")


def test_importing_is_quick_and_asks_for_nothing_else():
    code = "import sys, sinkscope; print([name for name in ('pandas', 'matplotlib', 'tqdm') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
