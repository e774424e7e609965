#!/usr/bin/env python3
"""What a scan costs from Python beside the program, paired in one run; and memory over many scans.

    PYTHONPATH=build/release/python python3 bench/python_overhead.py build/release/src/cli/sinkscope model.gguf text.txt

Each pair scans the same copies of the text in both, in turn, with the model open: of the program the time between loading
and the end is taken as the difference of many copies and one. Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time

import sinkscope as ss


def program_seconds(program, model, corpus):
    started = time.perf_counter()
    subprocess.run([program, "scan", "-m", model, "--jsonl", corpus, "-q", "--json", os.devnull], check=True,
                   capture_output=True)
    return time.perf_counter() - started


def corpus_of(folder, text, copies):
    """A JSONL file of texts that differ in their first token, so that each is scanned."""
    path = os.path.join(folder, f"{copies}.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for i in range(copies):
            file.write(json.dumps({"text": f"{i} {text}"}) + "\n")
    return path


def resident_mib():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / (1 << 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--copies", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--scans", type=int, default=1000, help="of the memory's run; 0: none")
    given = parser.parse_args()
    with open(given.text, encoding="utf-8") as file:
        text = file.read()
    with tempfile.TemporaryDirectory() as folder:
        many, one = corpus_of(folder, text, given.copies + 1), corpus_of(folder, text, 1)
        model = ss.Model(given.model, keep="runs")  # as the program keeps them of a corpus
        texts = [f"{i} {text}" for i in range(given.copies)]
        model.scan(texts[0])
        ratios = []
        for _ in range(given.pairs):
            alone = program_seconds(given.program, given.model, many) - program_seconds(given.program, given.model, one)
            started = time.perf_counter()
            model.scan(texts)
            from_python = time.perf_counter() - started
            ratios.append(from_python / alone)
            print(f"program {alone:.2f} s, Python {from_python:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.3f}")
    if given.scans:
        short, seen = text[:400], []
        for i in range(given.scans):
            model.scan(f"{i} {short}")
            if i + 1 in (50, given.scans):
                seen.append(resident_mib())
        print(f"resident after 50 scans {seen[0]:.1f} MiB, after {given.scans} {seen[-1]:.1f} MiB")


if __name__ == "__main__":
    main()
