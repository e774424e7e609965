"""Notebook cells and figures."""

import html
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import sinkscope as ss
from tiny_model import letters


def test_a_notebook_cell_is_the_report_in_a_frame(scan):
    cell = scan._repr_html_()
    assert len(cell.encode()) <= 2 << 20
    frame = re.fullmatch(r'<iframe sandbox="allow-scripts" [^>]*srcdoc="([^"]*)"></iframe>', cell)
    page = html.unescape(frame[1])
    assert page == scan.page() and page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")


# Clicks every link of the page in its frame, and prints the title that is shown then.
CLICKS = """
const { createRequire } = require("node:module");
const { chromium } = createRequire(process.argv[1] + "/")("playwright-core");
(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
  const page = await browser.newPage();
  page.on("console", (message) => { if (message.type() === "error") console.log("error: " + message.text()); });
  page.on("pageerror", (error) => console.log("error: " + error.message));
  await page.goto("file://" + process.argv[3]);
  const frame = page.frameLocator("iframe");
  const links = frame.locator("nav a");
  await links.first().waitFor();
  for (let i = 0; i < await links.count(); ++i) {
    await links.nth(i).click();
    await frame.locator(`nav a:nth-child(${i + 1})[aria-current=page]`).waitFor({ timeout: 20000 });
    console.log(await links.nth(i).innerText());
  }
  await browser.close();
})().catch((error) => { console.log("error: " + error.message); process.exit(1); });
"""


def test_the_cell_works_in_a_browser(scan, tmp_path):
    web = pathlib.Path(__file__).parents[2] / "web"
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not (web / "node_modules" / "playwright-core").is_dir() or not browser or not shutil.which("node"):
        pytest.skip("needs node, the packages of web/ and chromium")
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><meta charset=utf-8><body>{scan._repr_html_()}", encoding="utf-8")
    done = subprocess.run(["node", "-e", CLICKS, web, browser, cell], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0 and "error" not in done.stdout, done.stdout + done.stderr
    assert {"Overview", "Text", "Map", "Norms"} <= set(done.stdout.split("\n"))


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
    assert ss.plot.levels(one for one in [scan, scan]).texts[0].get_text() == "2"
    for call, says in ((lambda: ss.plot.levels([]), "at least one scan"), (lambda: ss.plot.map([scan, scan]), "one scan, got a list"),
                       (lambda: ss.plot.norms([scan]), "one scan, got a list"),
                       (lambda: ss.plot.map(scan, "first_token_share"), "got 'first_token_share', which has axes of 8")):
        with pytest.raises(ss.Error, match=says):
            call()


def test_importing_is_quick_and_asks_for_nothing_else():
    code = ("import sys, sinkscope; print([name for name in ('pandas', 'matplotlib', 'tqdm', 'torch', 'ray', %s) "
            "if name in sys.modules])")
    first = subprocess.run([sys.executable, "-c", code % "'numpy', 'sinkscope._core'"], check=True, capture_output=True,
                           text=True)
    assert first.stdout.strip() == "[]", "numpy and the library are loaded when they are first used"
    used = subprocess.run([sys.executable, "-c", "import sinkscope as ss; ss.Model, ss.plot.map, ss.ray.scan, ss.convert\n"
                           + code % "'google'"], check=True, capture_output=True, text=True)
    assert used.stdout.strip() == "[]"


def test_every_name_is_where_the_package_says():
    assert sorted(ss.__all__) == list(ss.__all__)
    assert set(ss.__all__) == {*ss._HOME_OF, *ss._MODULES}
    assert all(getattr(ss, name) is not None for name in ss.__all__)
    assert {"Model", "ray"} <= set(dir(ss))
    with pytest.raises(AttributeError, match="no attribute 'Modle'"):
        ss.Modle
