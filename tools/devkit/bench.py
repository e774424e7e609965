"""The full scan against llama.cpp's own forward pass, on this machine, as ratios.

Both programs are held ready and asked in turns, so that both see the same machine; each length has processes of its
own, so that the largest resident set of a process is that length's.
"""

import json
import os
import pathlib
import platform
import re
import statistics
import subprocess

from . import build, cache, showcase, steps
from .pins import MODELS

LENGTHS = [512, 2048, 8192]
REPEATS = 5
N_UBATCH = 512
MAX_TIME_RATIO = 1.25
REPORT = steps.ROOT / "build" / "bench" / "forward.json"


def processor():
    """Name, number of processors and the vector extensions that decide the speed."""
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    name = re.search(r"^model name\s*:\s*(.*)$", info, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", info, re.MULTILINE)
    wanted = [flag for flag in (flags.group(1).split() if flags else [])
              if re.match(r"sse4_2|avx|amx|fma|f16c|asimd|sve|bf16", flag)]
    return {"name": name.group(1) if name else platform.machine(), "processors": len(os.sched_getaffinity(0)),
            "flags": wanted}


class Program:
    """A benchmark program that runs one pass for each line that it is sent."""

    def __init__(self, name, arguments):
        self.log = open(steps.log_path(name), "w", encoding="utf-8")
        self.process = subprocess.Popen([build.folder("release") / "bench" / name, *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.name = name
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise steps.Failed(f"{self.name} ended; the reason is in {self.log.name}")
        return line

    def run_once(self):
        """Milliseconds of one pass, and the largest resident set so far in KiB."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        milliseconds, peak = self._answer().split()
        return float(milliseconds), int(peak)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def compare(model, n_tokens, repeats):
    arguments = [cache.models_folder() / model.file, showcase.EXAMPLES / showcase.TEXT, n_tokens, N_UBATCH,
                 len(os.sched_getaffinity(0))]
    with Program("llama_forward", arguments) as forward, Program("full_scan", arguments) as scan:
        forward.run_once()
        scan.run_once()
        pairs = [(forward.run_once(), scan.run_once()) for _ in range(repeats)]
    forward_ms, scan_ms = ([pair[side][0] for pair in pairs] for side in (0, 1))
    forward_kib, scan_kib = (pairs[-1][side][1] for side in (0, 1))
    return {
        "model": model.file.removesuffix(".gguf"), "n_tokens": n_tokens,
        "forward_ms": forward_ms, "scan_ms": scan_ms,
        "ratio": round(statistics.median(scan_ms) / statistics.median(forward_ms), 3),
        "ratios_by_pair": [round(b / a, 3) for a, b in zip(forward_ms, scan_ms)],
        "forward_peak_kib": forward_kib, "scan_peak_kib": scan_kib,
    }


def bench(lengths, models, repeats):
    build.build("release")
    cache.models()
    cpu = processor()
    steps.say(f"\n{cpu['name']}, {cpu['processors']} processors: {' '.join(cpu['flags'])}")
    steps.say(f"median of {repeats}, in turns, after one pass each; micro-batches of {N_UBATCH} tokens, f16 cache\n")
    steps.say("| model | tokens | forward, s | full scan, s | ratio | forward, MiB | full scan, MiB | more, MiB |")
    steps.say("|---|---:|---:|---:|---:|---:|---:|---:|")
    results = []
    for model in MODELS:
        if models and model.file.removesuffix(".gguf") not in models:
            continue
        for n_tokens in lengths:
            row = compare(model, n_tokens, repeats)
            results.append(row)
            forward_mib, scan_mib = row["forward_peak_kib"] / 1024, row["scan_peak_kib"] / 1024
            steps.say(f"| {row['model']} | {n_tokens} | {statistics.median(row['forward_ms']) / 1000:.2f} | "
                      f"{statistics.median(row['scan_ms']) / 1000:.2f} | {row['ratio']:.2f} | {forward_mib:.0f} | "
                      f"{scan_mib:.0f} | {scan_mib - forward_mib:.0f} |")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({"schema": "sinkscope.bench/1", "processor": cpu, "n_ubatch": N_UBATCH,
                                  "repeats": repeats, "results": results}, indent=2) + "\n", encoding="utf-8")
    over = [f"{row['model']} at {row['n_tokens']}" for row in results if row["ratio"] > MAX_TIME_RATIO]
    steps.say(f"\nover {MAX_TIME_RATIO} times the forward pass: {', '.join(over) or 'none'}; figures: "
              f"{REPORT.relative_to(steps.ROOT)}")
