#!/usr/bin/env python3
"""A full scan against the same work in transformers, on the same GGUF files, in turns.

    compare.py --full-scan build/release/bench/full_scan --text examples/mathematics.txt MODEL.gguf ...
        [-n 2048,4096,8192] [--modes sdpa,eager_sums,eager_all] [--repeats 5] [--precision auto] [--json FILE]

Makes a virtual environment of its own in the user's cache directory, with the versions in requirements.txt: some
gigabytes. Ratios are full scan / peer, of medians: below 1 the scan is faster, though it measures everything. Where other
programs run too, the ratio of processor times is the one to read.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import venv

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"


def environment():
    """The interpreter of the environment, made where it is missing."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sinkscope"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache / f"peers-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"making {folder}: some gigabytes, once", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
        (folder / "complete").touch()
    return python


class Program:
    """Runs one pass for each line that it is sent."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.command = command
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.command}: ended without an answer")
        return line

    def run_once(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        milliseconds, processor_ms, peak_kib = self._answer().split()
        return float(milliseconds), float(processor_ms), int(peak_kib)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    wanted = [flag for flag in (flags.group(1).split() if flags else []) if re.match(r"avx|amx|fma|sve|bf16", flag)]
    return {"name": name.group(1) if name else platform.machine(), "flags": wanted}


def compare(python, options, model, mode, n_tokens):
    """One row: both programs held ready, asked in turns after one pass each."""
    scan = [options.full_scan, model, options.text, n_tokens, options.n_ubatch, options.threads,
            options.precision]
    peer = [python, HERE / "transformers_peer.py", model, mode, n_tokens, options.threads]
    with Program(scan) as ours, Program(peer) as theirs:
        ours.run_once()
        theirs.run_once()
        pairs = [(ours.run_once(), theirs.run_once()) for _ in range(options.repeats)]
    scan_ms, peer_ms = ([pair[side][0] for pair in pairs] for side in (0, 1))
    scan_processor_ms, peer_processor_ms = ([pair[side][1] for pair in pairs] for side in (0, 1))
    median = statistics.median
    return {
        "model": model.stem, "n_tokens": n_tokens, "mode": mode, "scan_ms": scan_ms, "peer_ms": peer_ms,
        "scan_processor_ms": scan_processor_ms, "peer_processor_ms": peer_processor_ms,
        "ratio_of_medians": round(median(scan_ms) / median(peer_ms), 3),
        "ratio_of_processor_medians": round(median(scan_processor_ms) / median(peer_processor_ms), 3),
        "scan_peak_kib": pairs[-1][0][2], "peer_peak_kib": pairs[-1][1][2],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--full-scan", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("-n", "--tokens", default="2048", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--modes", default="sdpa,eager_sums,eager_all", type=lambda text: text.split(","))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--n-ubatch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    python = environment()
    cpu = processor()
    print(f"{cpu['name']}, {options.threads} threads: {' '.join(cpu['flags'])}\n")
    print("| model | tokens | transformers | full scan, s | transformers, s | ratio | ratio of processor times |")
    print("|---|---:|---|---:|---:|---:|---:|")
    rows = []
    for model in options.models:
        for n_tokens in options.tokens:
            for mode in options.modes:
                row = compare(python, options, model, mode, n_tokens)
                rows.append(row)
                print(f"| {row['model']} | {n_tokens} | {mode} | {statistics.median(row['scan_ms']) / 1e3:.2f} | "
                      f"{statistics.median(row['peer_ms']) / 1e3:.2f} | {row['ratio_of_medians']:.2f} | "
                      f"{row['ratio_of_processor_medians']:.2f} |", flush=True)
    if options.json:
        report = {"schema": "sinkscope.peers/1", "processor": cpu, "threads": options.threads,
                  "n_ubatch": options.n_ubatch, "precision": options.precision,
                  "requirements": REQUIREMENTS.read_text(encoding="utf-8").split(),
                  "rows": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


main()
