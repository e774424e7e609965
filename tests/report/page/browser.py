#!/usr/bin/env python3
"""The report's page: `bundle` compares web/dist with what web/src builds, `pages` drives the pages in Chromium.

Exit code 77, with the reason, where Node, its packages or Chromium lack. Standard library only.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
WEB = ROOT / "web"
SKIPPED = 77

# Text that tries to be markup, in both documents' names too; '!' and '#' are sinks of the tiny model.
HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
LONG_NAME = "runs-under-a-name-that-phones-have-no-room-for"
FILLER = "the sum of two numbers and their product, checked twice. "


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def node():
    program = shutil.which("node")
    if program is None:
        skip("Node is not installed")
    if not (WEB / "node_modules").is_dir():
        skip("the packages of web/ are not installed; run `npm ci` there")
    return program


def bundle():
    with tempfile.TemporaryDirectory() as fresh:
        subprocess.run([node(), WEB / "build.mjs", fresh], check=True)
        differing = [name for name in ("report.js", "report.css")
                     if (pathlib.Path(fresh) / name).read_bytes() != (WEB / "dist" / name).read_bytes()]
    if differing:
        sys.exit(f"web/dist: {', '.join(differing)} differ from what web/src builds; run `npm run build` in web/")
    subprocess.run([node(), WEB / "node_modules/typescript/bin/tsc", "--noEmit", "-p", WEB], check=True)


def pages():
    program, browser = node(), shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        skip("Chromium is not installed")
    sinkscope = os.environ["SINKSCOPE_PROGRAM"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        quiet = {"check": True, "stdout": subprocess.DEVNULL,
                 "env": {**os.environ, "XDG_CACHE_HOME": name, "GOMP_SPINCOUNT": "0"}}
        subprocess.run([sinkscope, "tiny", "--arch", "llama", "--layers", "10", "--sink", "layer=4,token='!',norm=200",
                        "--sink", "layer=5,token='#',norm=120", "-o", folder / "tiny.gguf"], **quiet)
        text = FILLER * 2 + "!" + FILLER + HOSTILE + FILLER + "#" + FILLER * 6
        (folder / "one <i>.txt").write_text(text)
        (folder / "two.txt").write_text(FILLER * 4 + "#" + FILLER * 8)
        for scan, files, keep in (("full", ["one <i>.txt"], "heads"),
                                  (LONG_NAME, ["one <i>.txt", "two.txt"], "runs")):
            arguments = [part for file in files for part in ("-f", folder / file)]
            subprocess.run([sinkscope, "scan", "-m", folder / "tiny.gguf", *arguments, "--keep", keep,
                            "-o", folder / f"{scan}.scan.db"], stderr=subprocess.DEVNULL, **quiet)
        subprocess.run([sinkscope, "explain", "-q", "-m", folder / "tiny.gguf", folder / "full.scan.db"], stderr=subprocess.DEVNULL, **quiet)
        subprocess.run([sinkscope, "ablate", "-q", "-m", folder / "tiny.gguf", "--draws", "2", folder / "full.scan.db"], stderr=subprocess.DEVNULL, **quiet)
        subprocess.run([sinkscope, "protect", "-q", "-m", folder / "tiny.gguf", "--draws", "1", "--window", "64", folder / "full.scan.db"], stderr=subprocess.DEVNULL, **quiet)
        subprocess.run([sinkscope, "report", folder / "full.scan.db", folder / f"{LONG_NAME}.scan.db", "-o", folder / "report.html"], **quiet)
        done = subprocess.run([program, WEB / "test/browser.mjs", browser, folder,
                               os.environ.get("SINKSCOPE_SCREENSHOTS", folder / "screenshots"),
                               *sys.argv[2:3]], check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    {"bundle": bundle, "pages": pages}[sys.argv[1]]()
