#!/usr/bin/env python3
"""Runs a command on a terminal of its own and draws what it prints, colours included, as an SVG.

    terminal_picture.py OUT.svg [--cwd FOLDER] [--columns N] -- COMMAND ARG...
"""

import argparse
import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

FONT_SIZE = 13
CHARACTER = FONT_SIZE * 0.602  # advance of the usual monospaced fonts
LINE = FONT_SIZE * 1.4
MARGIN = 16
SGR = re.compile(r"\x1b\[([0-9;]*)m")
OTHER_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")
COLOURS = {31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2", 90: "#7f848e"}


def printed_on_a_terminal(command, folder, columns):
    """What the command writes to standard output, which is a terminal for it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
                          env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        data = b""
        while True:
            try:
                block = os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not block:
                break
            data += block
    os.close(ours)
    if process.returncode != 0:
        sys.exit(f"{command[0]}: exit code {process.returncode}")
    return OTHER_ESCAPES.sub("", data.decode(errors="replace")).replace("\r\n", "\n").expandtabs()


def spans(line, style):
    """The line as SVG spans, and the style that is left at its end."""
    shown = ""
    for index, part in enumerate(SGR.split(line)):
        if index % 2:
            for code in (int(code or 0) for code in part.split(";")):
                style = set() if code == 0 else style | {code}
        elif part:
            attributes = "".join(f' fill="{COLOURS[code]}"' for code in sorted(style) if code in COLOURS)
            attributes += ' font-weight="bold"' if 1 in style else ""
            attributes += ' opacity="0.65"' if 2 in style else ""
            shown += f"<tspan{attributes}>{html.escape(part)}</tspan>"
    return shown, style


def picture(lines):
    columns = max(len(SGR.sub("", line)) for line in lines)
    width, height = 2 * MARGIN + CHARACTER * columns, 2 * MARGIN + LINE * len(lines)
    rows, style = [], set()
    for row, line in enumerate(lines):
        shown, style = spans(line, style)
        rows.append(f'<text x="{MARGIN}" y="{MARGIN + LINE * (row + 0.75):.1f}">{shown}</text>')
    text = "\n".join(rows)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="{width:.0f}" height="{height:.0f}" \
viewBox="0 0 {width:.0f} {height:.0f}">
<style>text {{ font: {FONT_SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; \
fill: #d8dee9; white-space: pre }}</style>
<rect width="100%" height="100%" rx="8" fill="#1f2430"/>
{text}
</svg>
"""


def main():
    if "--" not in sys.argv:
        sys.exit(__doc__)
    cut = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--cwd", type=pathlib.Path)
    parser.add_argument("--columns", type=int, default=110)
    options = parser.parse_args(sys.argv[1:cut])
    command = sys.argv[cut + 1:]
    text = printed_on_a_terminal(command, options.cwd, options.columns)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"\x1b[36m$ {' '.join(command)}\x1b[0m", *text.rstrip().split("\n")]
    options.out.write_text(picture(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
