"""The full scan against llama.cpp's own forward pass, on this machine, as ratios.

Three programs are held ready and asked in turns, so that all see the same machine: llama.cpp alone, the full scan on
llama.cpp's own products (native), and on the accelerated ones (auto). Each length has processes of its own, so that
the largest resident set of a process is that length's. Where other work disturbs the times, the ratio of
processor times says more.
"""

import contextlib
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
SIDES = {"forward": ("llama_forward", "native"), "scan_native": ("full_scan", "native"),
         "scan_auto": ("full_scan", "auto")}
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

    def __init__(self, name, side, arguments):
        self.log = open(steps.log_path(f"bench {side}"), "w", encoding="utf-8")
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
        """One pass: milliseconds, milliseconds of processor time, the largest resident set so far in KiB."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        milliseconds, processor_milliseconds, peak = self._answer().split()
        return {"ms": float(milliseconds), "processor_ms": float(processor_milliseconds), "peak_kib": int(peak)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def compare(model, n_tokens, repeats):
    """Medians of every program of SIDES, and the scans' ratios to llama.cpp alone."""
    arguments = [cache.models_folder() / model.file, showcase.EXAMPLES / showcase.TEXT, n_tokens, N_UBATCH,
                 len(os.sched_getaffinity(0))]
    with contextlib.ExitStack() as stack:
        programs = {side: stack.enter_context(Program(name, side, [*arguments, precision]))
                    for side, (name, precision) in SIDES.items()}
        for program in programs.values():
            program.run_once()
        passes = [{side: program.run_once() for side, program in programs.items()} for _ in range(repeats)]
    result = {"model": model.file.removesuffix(".gguf"), "n_tokens": n_tokens}
    for side in SIDES:
        result[side] = {figure: statistics.median(one[side][figure] for one in passes)
                        for figure in ("ms", "processor_ms")}
        result[side]["peak_kib"] = passes[-1][side]["peak_kib"]
        for figure in ("ms", "processor_ms"):
            result[side][f"{figure}_ratio"] = round(result[side][figure] / result["forward"][figure], 3)
    return result


def bench(lengths, models, repeats):
    build.build("release")
    cache.models()
    cpu = processor()
    steps.say(f"\n{cpu['name']}, {cpu['processors']} processors: {' '.join(cpu['flags'])}")
    steps.say(f"median of {repeats}, in turns, after one pass each; micro-batches of {N_UBATCH} tokens, f16 cache\n")
    steps.say("| model | tokens | | s | ratio | ratio of processor times | peak MiB | more MiB |")
    steps.say("|---|---:|---|---:|---:|---:|---:|---:|")
    results = []
    for model in MODELS:
        if models and model.file.removesuffix(".gguf") not in models:
            continue
        for n_tokens in lengths:
            result = compare(model, n_tokens, repeats)
            results.append(result)
            for side in SIDES:
                row = result[side]
                steps.say(f"| {result['model']} | {n_tokens} | {side} | {row['ms'] / 1000:.2f} | "
                          f"{row['ms_ratio']:.2f} | {row['processor_ms_ratio']:.2f} | {row['peak_kib'] / 1024:.0f} | "
                          f"{(row['peak_kib'] - result['forward']['peak_kib']) / 1024:.0f} |")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps({"schema": "sinkscope.forward_bench/1", "processor": cpu, "n_ubatch": N_UBATCH,
                                  "repeats": repeats, "results": results}, indent=2) + "\n", encoding="utf-8")
    for side in list(SIDES)[1:]:
        over = [f"{result['model']} at {result['n_tokens']}" for result in results
                if result[side]["ms_ratio"] > MAX_TIME_RATIO]
        steps.say(f"{side} over {MAX_TIME_RATIO} times the forward pass: {', '.join(over) or 'none'}")
    steps.say(f"figures: {REPORT.relative_to(steps.ROOT)}")
