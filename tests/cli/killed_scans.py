"""A scan that is killed again and again, its documents in another order each time, against one that nobody disturbs.

    SINKSCOPE_PROGRAM=... SINKSCOPE_MAKE_TINY=... python3 tests/cli/killed_scans.py --documents 1000 --kills 20 --arch llama,gemma3

prints a line for each family: documents, kills, differences. Exit code 1 if there is one.
"""

import argparse
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

FAMILIES = ["llama", "qwen2", "qwen3", "qwen3moe", "phi3", "gpt-oss", "gemma3", "deepseek2", "olmo2", "glm4", "phi2"]
WORDS = "the sum of two numbers is 83, and their difference 57. Find both; check them! \n * é 漢 := (x + y)".split(" ")


def documents(n, seed):
    """Texts of 3 to 400 tokens (a token is a byte): some within a micro-batch, most of several, no two alike."""
    draw = random.Random(seed)
    lines = []
    for i in range(n):
        text = f"{i} " + " ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 90)))
        lines.append(json.dumps({"id": f"d{i:05}", "text": text}))
    return lines


def stored(path):
    """What a results file holds of each document, by its key: tokens, figures, profiles, corpus figures, as bytes."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        found = {}
        for ordinal, key, *rest in file.execute("SELECT ordinal, key, n_tokens, prompt_tokens, token_ids FROM documents"):
            parts = [tuple(rest)]
            for table in ("figures", "corpus"):
                parts += file.execute(f"SELECT data FROM {table} WHERE document = ?", (ordinal,)).fetchall()
            parts += file.execute("SELECT name, n_layers, n_heads, n_tokens, encoding, data FROM profiles WHERE document = ? "
                                  "ORDER BY name", (ordinal,)).fetchall()
            parts += file.execute("SELECT DISTINCT name, chunk, document_offset FROM origins WHERE document = ?", (ordinal,)).fetchall()
            found[key] = parts
        return found


def n_stored(path):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0) as file:
            return file.execute("SELECT count(*) FROM documents").fetchone()[0]
    except sqlite3.Error:  # not there yet, or busy
        return 0


class Trial:
    def __init__(self, folder, environment, arch):
        self.folder, self.environment = pathlib.Path(folder), environment
        self.model = self.folder / f"{arch}.gguf"
        subprocess.run([os.environ["SINKSCOPE_MAKE_TINY"], arch, self.model], check=True)

    def command(self, results):
        return [os.environ["SINKSCOPE_PROGRAM"], "scan", "-q", "-m", self.model, "--jsonl", self.folder / "corpus.jsonl",
                "--ubatch-size", "96", "--keep", "profiles", "-o", self.folder / results]

    def write_corpus(self, lines):
        (self.folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, results):
        done = subprocess.run(self.command(results), capture_output=True, env=self.environment, check=False)
        if done.returncode not in (0, 5):  # 5: some texts are too short to be judged
            raise RuntimeError(done.stderr.decode(errors="replace"))

    def run_until(self, results, n_documents, seconds_more):
        """Kills a scan a moment after it has stored so many documents; False if it ended by itself."""
        with subprocess.Popen(self.command(results), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=self.environment) as scan:
            while scan.poll() is None and n_stored(self.folder / results) < n_documents:
                time.sleep(0.005)
            try:
                scan.wait(timeout=seconds_more)
                return False
            except subprocess.TimeoutExpired:
                scan.kill()
                return True

    def sequences(self, results):
        shown = subprocess.run([os.environ["SINKSCOPE_PROGRAM"], "show", self.folder / results, "--json", "-"],
                               capture_output=True, env=self.environment, check=True)
        # In another order a document stands on another line.
        return sorted(json.dumps({key: value for key, value in one.items() if key != "origins"})
                      for one in json.loads(shown.stdout)["sequences"])


def differences(folder, environment, arch, n_documents, n_kills, seed):
    """returns  (kills that hit, names of what differs)"""
    draw = random.Random(seed)
    trial = Trial(folder, environment, arch)
    lines = documents(n_documents, seed)
    trial.write_corpus(lines)
    trial.run("undisturbed.db")
    hits = 0
    for kill in range(n_kills):
        draw.shuffle(lines)
        trial.write_corpus(lines)
        hits += trial.run_until("killed.db", n_documents * (kill + 1) // (n_kills + 1), draw.random() * 0.02)
    draw.shuffle(lines)
    trial.write_corpus(lines)
    trial.run("killed.db")
    expected, got = stored(trial.folder / "undisturbed.db"), stored(trial.folder / "killed.db")
    wrong = [key.hex() for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)]
    if len(expected) != n_documents:
        wrong.append(f"{len(expected)} documents")
    if trial.sequences("undisturbed.db") != trial.sequences("killed.db"):
        wrong.append("JSON")
    return hits, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--arch", default=",".join(FAMILIES))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for arch in options.arch.split(","):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            environment = {**os.environ, "XDG_CACHE_HOME": folder, "GOMP_SPINCOUNT": "0"}
            hits, wrong = differences(folder, environment, arch, options.documents, options.kills, options.seed)
            print(f"{arch}: {options.documents} documents, {hits} kills, {len(wrong)} differences {wrong[-3:]}, "
                  f"{time.monotonic() - begin:.0f} s", flush=True)
            failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
