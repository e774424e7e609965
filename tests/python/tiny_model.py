"""Texts, and a tiny model with a sink that is known, for these tests and those against other packages."""

import subprocess

MARK = "#"  # a sink of layer 2, by construction


def letters(n_bytes, step):
    """A text of bytes, which are the tiny model's tokens, with one mark in it."""
    text = [chr(ord("a") + (i * step + i // 7) % 26) for i in range(n_bytes)]
    text[n_bytes // 3] = MARK
    return "".join(text)


def make_tiny(program, path):
    """Writes the model; returns the path."""
    subprocess.run([program, "tiny", "--arch", "llama", "--sink", f"layer=2,token='{MARK}',norm=200", "-o", path],
                   check=True, capture_output=True)
    return path
