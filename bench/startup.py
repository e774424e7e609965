#!/usr/bin/env python3
"""How long two builds of the program take from being called to the first micro-batch of a short text.

    startup.py BASELINE CANDIDATE --models FOLDER [--model NAME ...] [--repeats N]

The builds run in turns, so that both see the same machine. The moment is read from llama.cpp's log, which --verbose shows:
the last graph is reserved right before the first micro-batch. Processor time is that of all threads; it says more where
other programs run. Linux; standard library only.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

MODELS = ("smollm2", "gemma3", "qwen25coder")
MARK = b"reserving a graph for ubatch"


def processor_ms(process):
    """Of all threads of a process that runs; what a thread took that has ended is not counted."""
    total = 0
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # it has just ended
    return total / 1e6


def start_up_ms(program, model, cache):
    """Milliseconds to the first micro-batch: by the clock, and of the processors."""
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": cache}
    environment.pop("GOMP_SPINCOUNT", None)  # as a user calls it
    environment.pop("OMP_WAIT_POLICY", None)
    start = time.perf_counter()
    process = subprocess.Popen([program, "scan", "--verbose", "-t", "1", "-m", model, "-p", "a few words"], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    marked = spent = None
    for line in process.stderr:
        if MARK in line:
            marked, spent = time.perf_counter(), processor_ms(process)
    if process.wait() not in (0, 5) or marked is None:  # 5: so few words can not be judged, which is said
        sys.exit(f"{program}: exit code {process.returncode}, and no graph in its log")
    return (marked - start) * 1e3, spent


def main():
    parser = argparse.ArgumentParser(description="Start-up of two builds, in turns.")
    parser.add_argument("baseline", type=pathlib.Path)
    parser.add_argument("candidate", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, required=True, help="folder of the models")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=MODELS, help="these only")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    programs = [options.baseline.resolve(strict=True), options.candidate.resolve(strict=True)]
    print("median ms of", options.repeats, "runs in turns, to the first micro-batch: by the clock; of the processors")
    with tempfile.TemporaryDirectory() as cache:
        for name in options.model:
            model = (options.models / f"{name}.gguf").resolve(strict=True)
            times = [[], []]
            for repeat in range(options.repeats + 1):
                for side, program in enumerate(programs):
                    taken = start_up_ms(program, model, cache)
                    if repeat > 0:  # the first reads the file and makes its digest
                        times[side].append(taken)
            medians = [[statistics.median(column) for column in zip(*side)] for side in times]
            (clock, spent), (new_clock, new_spent) = medians
            print(f"{name}: {clock:.0f} -> {new_clock:.0f} ({new_clock / clock:.2f}); "
                  f"{spent:.0f} -> {new_spent:.0f} ({new_spent / spent:.2f})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
