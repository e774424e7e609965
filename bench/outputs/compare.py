#!/usr/bin/env python3
"""Runs two builds of the program over the same inputs and says which of their outputs are equal, byte for byte.

    compare.py BASELINE CANDIDATE --models FOLDER [--model NAME ...] [--only STEP ...] [--threads N] [--additions]

BASELINE, CANDIDATE  two builds of the program
FOLDER               with smollm2.gguf, gemma3.gguf and qwen25coder.gguf, as ./dev demo fetches them

Steps of a model: scan (terminal, JSON, safetensors, results file), show, export, levels, report and its summary, a
corpus, generated texts; and with a tiny model: planting and validation. What differs from one run to the next is left
out: times, peak memory, the folder, and what a results file keeps of the program's runs. With --additions JSON may have
members, CSV columns, and safetensors arrays that the baseline has not: all others must be equal. Exit code 1 if anything
differs.
"""

import argparse
import csv
import difflib
import io
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MODELS = ("smollm2", "gemma3", "qwen25coder")
TINY = "tiny"
TEXT, CORPUS, CHAT = "text.txt", "corpus.jsonl", "chat.json"
WORDS = 330  # of the text: enough for far queries, few enough to be quick
UNSTABLE = re.compile(rb"^\d+ tokens in [0-9.]+ s, peak memory \d+ MiB$", re.MULTILINE)

SCAN = ["scan", "-m", "MODEL"]
# Each step: what it is called, the command, and the files that it writes.
STEPS = [
    ("scan", [*SCAN, "-f", TEXT, "--other-runs"], []),
    ("scan with files", [*SCAN, "-f", TEXT, "-o", "text.scan.db", "--json", "text.json", "--profiles", "text.safetensors"],
     ["text.scan.db", "text.json", "text.safetensors"]),
    ("scan resumed", [*SCAN, "-f", TEXT, "-o", "text.scan.db", "--json", "-"], ["text.scan.db"]),
    ("scan with other thresholds", [*SCAN, "-f", TEXT, "-o", "loose.scan.db", "--min-far-boost", "3", "--keep", "heads"],
     ["loose.scan.db"]),
    ("scan by the paper's rule", [*SCAN, "-f", TEXT, "--rule", "paper", "--json", "-"], []),
    ("scan of chunks", [*SCAN, "-f", TEXT, "--chunk", "150", "-o", "chunks.scan.db"], ["chunks.scan.db"]),
    ("scan of a chat", [*SCAN, "-f", CHAT, "--chat", "--json", "-"], []),
    ("scan of a corpus", [*SCAN, "--jsonl", CORPUS, "--field", "solution", "--prompt-field", "problem", "-o",
                          "corpus.scan.db"], ["corpus.scan.db"]),
    ("show", ["show", "text.scan.db"], []),
    ("show a corpus", ["show", "corpus.scan.db", "--min-alignment", "0.8"], []),
    ("export json", ["export", "text.scan.db", "--format", "json"], []),
    ("export csv", ["export", "corpus.scan.db", "--format", "csv"], []),
    ("export safetensors", ["export", "loose.scan.db", "--format", "safetensors", "-o", "out.safetensors"],
     ["out.safetensors"]),
    ("levels", ["levels", "corpus.scan.db", "chunks.scan.db", "--bootstraps", "20", "--json", "levels.json"],
     ["levels.json"]),
    ("report", ["report", "text.scan.db", "-o", "page.html"], ["page.html"]),
    ("report --summary", ["report", "corpus.scan.db", "--summary", "-"], []),
    ("verify", ["verify", "corpus.scan.db"], []),
    ("probe-points", ["probe-points", "MODEL", "--json", "-"], []),
    ("generate", ["generate", "-m", "MODEL", "-p", "Once upon a time there was a number,", "-n", "24", "--temp", "0", "-o",
                  "story.jsonl"], ["story.jsonl", "story.scan.db"]),
]
LETTERS = "".join(chr(ord("a") + (7 * i * i + 3 * i) % 26) if i % 37 else "q" for i in range(600))
TINY_STEPS = [
    ("tiny", ["tiny", "--arch", "llama", "--primary-layer", "2", "-o", "source.gguf"], ["source.gguf"]),
    ("plant", ["plant", "-m", "source.gguf", "-p", LETTERS, "--sink", "layer=5,token=q,norm=150", "-o", "planted.gguf",
               "--json", "-"], ["planted.gguf", "planted.truth.json"]),
    ("validate", ["validate", "-m", "planted.gguf", "-p", LETTERS[300:] + LETTERS, "--base", "source.gguf", "--controls",
                  "--grid", "--control-seeds", "2", "--json", "validation.json"], ["validation.json"]),
    ("validate in words", ["validate", "-m", "planted.gguf", "-p", LETTERS[100:] + LETTERS, "--base", "source.gguf"], []),
    ("scan of a planted model", ["scan", "-m", "planted.gguf", "-p", LETTERS, "--json", "-"], []),
]
UNSTABLE_TABLES = ("program_runs",)


def prepare(folder, models, names):
    """What the commands read, under the same names for both programs."""
    text = (EXAMPLES / "mathematics.txt").read_text().split(" ")
    (folder / TEXT).write_text(" ".join(text[:WORDS]))
    shutil.copy(EXAMPLES / "corpus.jsonl", folder / CORPUS)
    shutil.copy(EXAMPLES / "chat.json", folder / CHAT)
    for name in names:
        if name != TINY:
            (folder / f"{name}.gguf").symlink_to((models / f"{name}.gguf").resolve())


def content_of(path):
    """A file's bytes; of a results file everything but what its runs were."""
    if not path.exists():
        return b"(no such file)"
    if path.suffix != ".db":
        return path.read_bytes()
    lines = []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            if table not in UNSTABLE_TABLES:
                lines += [f"{table}: {row!r}" for row in database.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2')]
    database.close()
    return "\n".join(lines).encode()


def outputs_of(program, folder, command, files, threads):
    """Exit code, both streams and the files of one command, each by its name."""
    if threads and "-m" in command:
        command = [*command, "-t", str(threads)]
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": str(folder / "cache"), "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run([program, *command], cwd=folder, env=environment, capture_output=True, check=False)
    streams = {"standard output": done.stdout, "standard error": done.stderr}
    outputs = {"exit code": str(done.returncode).encode()}
    for name, stream in streams.items():
        outputs[name] = UNSTABLE.sub(b"", stream.replace(str(folder).encode(), b"FOLDER"))
    outputs.update({name: content_of(folder / name) for name in files})
    return outputs


def without_additions(baseline, candidate):
    """The candidate without what the baseline has not: members of objects, at every depth."""
    if isinstance(baseline, dict) and isinstance(candidate, dict):
        return {key: without_additions(baseline[key], value) for key, value in candidate.items() if key in baseline}
    if isinstance(baseline, list) and isinstance(candidate, list) and len(baseline) == len(candidate):
        return [without_additions(a, b) for a, b in zip(baseline, candidate)]
    return candidate


def arrays_of(data):
    """Each array of a safetensors file, as its type, shape and bytes."""
    n = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + n]), data[8 + n:]
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], body[entry["data_offsets"][0]:entry["data_offsets"][1]])
            for name, entry in header.items()}


def equal_but_for_additions(baseline, candidate):
    """Whether all that the baseline has is in the candidate, unchanged: of JSON, CSV with a header, safetensors."""
    readers = (json.loads, lambda data: list(csv.DictReader(io.StringIO(data.decode()), strict=True)), arrays_of)
    for read in readers:
        try:
            a, b = read(baseline), read(candidate)
        except (ValueError, KeyError, IndexError, TypeError, csv.Error):
            continue
        return bool(a) and without_additions(a, b) == a
    return False


def first_difference(baseline, candidate):
    """A line or two, of text; of other bytes where they part."""
    try:
        a, b = baseline.decode().splitlines(), candidate.decode().splitlines()
        lines = [line[:160] for line in difflib.unified_diff(a, b, lineterm="", n=0)]
        return "\n      ".join(lines[3:7])  # behind the names and the first place
    except UnicodeDecodeError:
        at = next((i for i, (x, y) in enumerate(zip(baseline, candidate)) if x != y), min(len(baseline), len(candidate)))
        return f"{len(baseline)} and {len(candidate)} bytes, which part at {at}"


def compare(programs, folders, name, steps, options):
    """Runs the steps of one model; returns how many outputs were equal, and how many were not."""
    equal = different = 0
    for step, command, files in steps:
        if options.only and not any(word in step for word in options.only):
            continue
        command = [f"{name}.gguf" if word == "MODEL" else word for word in command]
        baseline, candidate = (outputs_of(program, folder, command, files, options.threads)
                               for program, folder in zip(programs, folders))
        unequal = [output for output in baseline if baseline[output] != candidate[output]]
        added = [output for output in unequal if options.additions
                 and equal_but_for_additions(baseline[output], candidate[output])]
        wrong = [output for output in unequal if output not in added]
        verdict = "DIFFERENT: " + ", ".join(wrong) if wrong else "equal"
        if added:
            verdict += "; equal but for additions: " + ", ".join(added)
        print(f"{name}: {step}: {verdict} (exit code {baseline['exit code'].decode()})", flush=True)
        for output in wrong:
            print(f"    {output}:\n      {first_difference(baseline[output], candidate[output])}", flush=True)
        equal += len(baseline) - len(wrong)
        different += len(wrong)
    return equal, different


def main():
    parser = argparse.ArgumentParser(description="Compares the outputs of two builds.")
    parser.add_argument("baseline", type=pathlib.Path)
    parser.add_argument("candidate", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, required=True, help="folder of the models")
    parser.add_argument("--model", nargs="+", choices=(*MODELS, TINY), default=[TINY, *MODELS], help="these only")
    parser.add_argument("--only", nargs="+", help="steps whose name holds one of these words")
    parser.add_argument("--threads", type=int, help="of each command that runs a model; by default its own choice")
    parser.add_argument("--additions", action="store_true", help="let the candidate's data have more than the baseline's")
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder, and leave it")
    options = parser.parse_args()
    programs = [options.baseline.resolve(strict=True), options.candidate.resolve(strict=True)]
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or pathlib.Path(temporary)
        equal = different = 0
        for name in options.model:
            folders = [(root / side / name).resolve() for side in ("baseline", "candidate")]
            for folder in folders:
                folder.mkdir(parents=True)
                prepare(folder, options.models, [name])
            counts = compare(programs, folders, name, TINY_STEPS if name == TINY else STEPS, options)
            equal, different = equal + counts[0], different + counts[1]
    print(f"{equal} outputs equal, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
