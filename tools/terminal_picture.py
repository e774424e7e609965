#!/usr/bin/env python3
"""Draws what a command prints as an SVG that looks like a terminal.

    terminal_picture.py OUT.svg [--cwd FOLDER] -- COMMAND ARG...
"""

import argparse
import html
import pathlib
import subprocess
import sys

FONT_SIZE = 13
CHARACTER = FONT_SIZE * 0.602  # advance of the usual monospaced fonts
LINE = FONT_SIZE * 1.4
MARGIN = 16


def picture(lines):
    width = 2 * MARGIN + CHARACTER * max(len(line) for line in lines)
    height = 2 * MARGIN + LINE * len(lines)
    rows = []
    for row, line in enumerate(lines):
        kind = ' class="prompt"' if line.startswith("$ ") else ""
        rows.append(f'<text x="{MARGIN}" y="{MARGIN + LINE * (row + 0.75):.1f}"{kind}>{html.escape(line)}</text>')
    shown = "\n".join(rows)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:.0f} {height:.0f}">
<style>
text {{ font: {FONT_SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre }}
.prompt {{ fill: #88c0d0 }}
</style>
<rect width="100%" height="100%" rx="8" fill="#1f2430"/>
{shown}
</svg>
"""


def main():
    if "--" not in sys.argv:
        sys.exit(__doc__)
    cut = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--cwd", type=pathlib.Path)
    options = parser.parse_args(sys.argv[1:cut])
    command = sys.argv[cut + 1:]
    done = subprocess.run(command, cwd=options.cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr + f"{command[0]}: exit code {done.returncode}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(picture([f"$ {' '.join(command)}", *done.stdout.expandtabs().rstrip().splitlines()]),
                           encoding="utf-8")


if __name__ == "__main__":
    main()
