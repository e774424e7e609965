#!/usr/bin/env python3
"""What caches of few bits do to sinks: the table of docs/deployed.md.

    deployed_table.py --program build/release/src/cli/sinkscope --models FOLDER [--work build/deployed] [--chats 64]

Models are smollm2.gguf, qwen25coder.gguf and gemma3.gguf in FOLDER. Texts are those of bench/thresholds/texts and examples/, for
Qwen also chats of bench/explain/chats.py, where it has natural secondary sinks. Each is scanned with cached keys and values in f16 and in
fewer bits, and compared by `sinkscope diff`. Results files are kept in the work folder. Prints a Markdown table.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = sorted((ROOT / "bench" / "thresholds" / "texts").glob("*.txt")) + sorted((ROOT / "examples").glob("*.txt"))
MODELS = {"smollm2": "SmolLM2-135M", "gemma3": "Gemma 3 270M", "qwen25coder": "Qwen2.5-Coder-0.5B"}
CACHES = {"q8_0": ("q8_0", "q8_0"), "q5_0": ("q5_0", "q5_0"), "q4_0": ("q4_0", "q4_0"), "keys q4_0": ("q4_0", "f16"), "values q4_0": ("f16", "q4_0")}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in (0, 5):  # 5: one of the texts was too short to be judged
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def number(value, form):
    return "-" if value is None else format(value, form)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "deployed")
    parser.add_argument("--chats", type=int, default=64)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    chats = options.work / "chats.jsonl"
    lines = run(sys.executable, ROOT / "bench" / "explain" / "chats.py").splitlines(keepends=True)
    chats.write_text("".join(lines[:options.chats]))
    texts = [part for text in TEXTS for part in ("-f", text)]
    cases = [(model, f"{len(TEXTS)} texts", texts) for model in MODELS]
    cases.append(("qwen25coder", f"{options.chats} chats", ["--jsonl", chats, "--chat"]))
    print("| model | texts | cache | sinks in f16 | kept | moved | lost | gained | of these marginal | Jaccard | another primary | far boost | score |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|")
    for model, what, source in cases:
        scans = {}
        for cache, (keys, values) in {"f16": ("f16", "f16"), **CACHES}.items():
            scans[cache] = options.work / f"{model}-{what}-{cache}.scan.db".replace(" ", "-")
            if not scans[cache].exists():
                part = scans[cache].with_suffix(".part")
                run(options.program, "scan", "-q", "-m", options.models / f"{model}.gguf", *source, "--keep", "runs", "-ctk", keys, "-ctv",
                    values, "-o", part)
                part.rename(scans[cache])
        for cache in CACHES:
            found = json.loads(run(options.program, "diff", scans["f16"], scans[cache], "--json", "-"))
            sinks, interval = found["sinks"], found["jaccard_interval_95"]
            jaccard = number(found["jaccard"], ".2f") + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")
            figures = {figure["figure"]: figure for figure in found["figures"]}
            print(f"| {MODELS[model]} | {what} | {cache} | {sinks['before']} | {sinks['kept']} | {sinks['moved']} | {sinks['lost']} | "
                  f"{sinks['gained']} | {sinks['marginal']} | {jaccard} | {found['documents']['other_primary']} | "
                  f"x {number(figures['far_boost_median']['median'], '.3f')} | {number(figures['score_mean']['median'], '+.4f')} |", flush=True)


if __name__ == "__main__":
    main()
