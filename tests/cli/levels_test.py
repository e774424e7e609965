"""levels, import and merge: planted corpora from model to levels, the authors' records, parts put together."""

import csv
import itertools
import json
import random
import sqlite3

import harness

BYTES = "#%&@~^"
STARTS = (4, 7, 10, 13, 16, 19)


def letters(seed, length, sinks=""):
    """Letters at random, and each of the sinks about every hundredth."""
    rng = random.Random(seed)
    return "".join(rng.choice(sinks) if rng.random() < 0.01 * len(sinks) else rng.choice("abcdefghijklmnopqrstuvwxyz ,.")
                   for _ in range(length))


class Planted(harness.ProgramTest):
    """Scans of a model in which six bytes are sinks; which levels a corpus has depends on which bytes it holds."""

    def setUp(self):
        super().setUp()
        sinks = [piece for byte, start in zip(BYTES, STARTS, strict=True)
                 for piece in ("--sink", f"layer={start},token={byte},norm=150")]
        self.ok("tiny", "--arch", "llama", "--layers", 22, "--heads", 2, "--kv-heads", 1, "--width", 48, "--ff", 64,
                *sinks, "-o", "planted.gguf")

    def levels(self, sinks, documents=100, length=260):
        lines = [json.dumps({"text": letters(i, length, sinks)}) for i in range(documents)]
        corpus = self.file("corpus.jsonl", "\n".join(lines))
        (self.folder / "out.db").unlink(missing_ok=True)
        self.ok("scan", "-q", "-m", "planted.gguf", "--jsonl", corpus, "-o", "out.db")
        return self.ok("levels", "out.db", "--json", "-").json()["files"][0]

    def test_three_levels_and_none(self):
        found = self.levels(BYTES[::2])
        self.assertEqual([level["l_start"] for level in found["levels"]], list(STARTS[::2]))
        self.assertEqual([chr(level["tokens"][0]["token_id"]) for level in found["levels"]], list(BYTES[::2]))
        for level in found["levels"]:
            self.assertGreaterEqual(level["stability"], 0.8)
            self.assertFalse(level["tentative"])
            self.assertEqual(level["within_one_frac"], 1)
            self.assertEqual(level["start_entropy_bits"], 0)
        self.assertEqual(found["unassigned"]["count"], 0)
        self.assertIn("First layer", self.ok("plot", "out.db", "--figure", "levels").out)

        found = self.levels("")
        self.fails(3, "levels: expected sinks beside the primary, got none", "plot", "out.db", "--figure", "levels")
        self.assertEqual(found["levels"], [])
        self.assertEqual(found["sinks"]["count"], 0)
        self.assertAlmostEqual(found["sinks"]["interval_95"][1], 3000 / found["sinks"]["eligible_tokens"], places=6)
        self.assertIn("none in", self.ok("levels", "out.db").out)
        self.assertIn("no levels", self.ok("levels", "out.db").out)

    def test_six_levels(self):
        found = self.levels(BYTES)
        self.assertEqual([level["l_start"] for level in found["levels"]], list(STARTS))

    def test_few_documents_are_tentative(self):
        found = self.levels(BYTES[0], documents=4, length=900)
        self.assertEqual([level["tentative"] for level in found["levels"]], [True])
        self.assertRegex(self.ok("levels", "out.db").out, r"1\?.*\n.*not enough \(4 documents\)\n  \? tentative")


class AuthorsRecords(harness.ProgramTest):
    """What the paper's authors recorded of R1-Distill-Qwen-14B, in the form of their file."""

    def setUp(self):
        super().setUp()
        with open(harness.ROOT / "tests/data/r1-distill-qwen-14b/sinks.csv", encoding="utf8") as file:
            rows = [{key: value if key == "label" else int(value) for key, value in row.items()}
                    for row in csv.DictReader(file)]
        # Lengths of single sequences are not known: shares of what is left of the sum.
        lengths = [max([3] + [row["position"] + 1 for row in rows if row["sequence"] == i]) for i in range(300)]
        left = 2856022 - sum(lengths)
        records = []
        for i, least in enumerate(lengths):
            share = left // (300 - i)
            left -= share
            sinks = {str(p): {"layer": list(range(4, 47)), "token_id": token, "sink_type": "bos_sink"}
                     for p, token in enumerate((151646, 151644, 2610))}
            for row in rows:
                if row["sequence"] != i:
                    continue
                flagged = [*range(row["first_layer"], row["first_layer"] + row["layers_flagged"] - 1), row["last_layer"]]
                sinks[str(row["position"])] = {"layer": flagged, "token_id": row["token_id"],
                                               "sink_type": row["label"], "norm": [1.5]}
            records.append(json.dumps({"sample_index": i, "prompt_len": 3, "response_len": least + share - 3,
                                       "full_text_len": least + share, "candidate_sinks": sinks, "extra": None}))
        self.records = self.file("records.jsonl", "\n".join(records))
        self.ok("import", self.records, "--layers", 48, "-o", "r1.db")

    def test_the_facts_of_the_records(self):
        found = self.ok("levels", "r1.db", "--json", "-").json()["files"][0]
        self.assertEqual((found["documents"], found["tokens"], found["source"]), (300, 2856022, "import"))
        self.assertEqual(found["sinks"]["count"], 270)
        secondary = found["by_label"]["cliff"]
        self.assertEqual((secondary["count"], secondary["documents"]), (262, 163))
        self.assertAlmostEqual(secondary["per_1000"], 0.092, delta=0.0005)
        self.assertLess(secondary["interval_95"][0], 0.092)
        self.assertGreater(secondary["interval_95"][1], 0.092)
        self.assertEqual(found["start_entropy_bits"], 0)
        # One level of those that last to the primary's end; the eight brief ones apart; 16 and 18 layers in none.
        *brief, level = found["levels"]
        self.assertEqual((level["l_start"], level["rate"]["count"]), (22, 260))
        self.assertEqual((level["lifetime"]["shortest"], level["lifetime"]["longest"]), (21, 24))
        self.assertEqual(level["tokens"][0]["token_id"], 220)
        self.assertLessEqual(len(brief), 1)
        for other in brief:
            self.assertLessEqual((other["l_start"], other["lifetime"]["longest"], other["rate"]["count"]), (22, 4, 8))
        self.assertEqual(found["unassigned"]["count"], 270 - 260 - sum(b["rate"]["count"] for b in brief))
        out = self.ok("levels", "r1.db").out
        self.assertIn("imported records", out)
        self.assertIn("recorded as cliff: 262 in 163 documents", out)

    def test_bad_records_are_skipped_by_number(self):
        lines = self.records.read_text().split("\n")[:4]
        lines[1:1] = ["{broken", '{"sample_index": 1}', ""]
        result = self.ok("import", self.file("bad.jsonl", "\n".join(lines)), "--layers", 48, "-o", "b.db", code=5)
        self.assertIn("line 2 of", result.err)
        self.assertIn("line 3 of", result.err)
        self.assertIn("4 documents", result.out)
        self.fails(7, "", "import", self.records, "--layers", 48, "-o", "b.db")
        self.fails(3, "no record", "import", self.records, "--layers", 40, "-o", "c.db")

    def test_thresholds_do_not_apply_and_scans_do_not_mix(self):
        self.fails(2, "thresholds cannot be applied", "levels", "r1.db", "--min-far-boost", 7)
        self.scan("-f", self.file("a.txt", harness.TEXT), "-o", "a.db")
        self.fails(3, "imported ones only", "merge", "a.db", "r1.db", "-o", "m.db")
        side = self.ok("levels", "r1.db", "a.db").out
        self.assertRegex(side, r"depth")
        self.assertIn("no levels", side)
        lines = self.records.read_text().split("\n")
        for name, part in (("one", lines[:200]), ("two", lines[100:])):
            self.ok("import", self.file(f"{name}.jsonl", "\n".join(part)), "--layers", 48, "-o", f"{name}.db")
        both = self.ok("merge", "one.db", "two.db", "-o", "both.db").out
        self.assertIn("300 documents", both)
        self.assertIn("100 that several files hold are kept once", both)
        whole, merged = (self.ok("levels", name, "--json", "-").json()["files"][0] for name in ("r1.db", "both.db"))
        for found in (whole, merged):
            for rate in (found["sinks"], found["levels"][-1]["rate"]):
                del rate["interval_95"]  # documents are drawn by their places, which differ
        self.assertEqual((whole["sinks"], whole["levels"][-1]["rate"]), (merged["sinks"], merged["levels"][-1]["rate"]))


class Merging(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        texts = [f"{i}: " + letters(i, 150 + 20 * i) for i in range(7)]
        for name, part in (("a", texts[:4]), ("b", texts[2:6]), ("c", [texts[6], texts[3], texts[0]])):
            lines = [json.dumps({"id": f"{name}{i}", "text": text}) for i, text in enumerate(part)]
            self.scan("--jsonl", self.file(f"{name}.jsonl", "\n".join(lines)), "-o", f"{name}.db", "--keep", "profiles")

    def merged(self, name, *files):
        self.ok("merge", *files, "-o", name)
        self.assertIn("sound", self.ok("verify", name).out)
        return self.ok("export", name, "--format", "json").bytes

    def test_neither_order_nor_steps_matter(self):
        whole = self.merged("whole.db", "a.db", "b.db", "c.db")
        self.assertEqual(len(json.loads(whole)["sequences"]), 7)
        for i, order in enumerate(itertools.permutations(("a.db", "b.db", "c.db"))):
            self.assertEqual(self.merged(f"order{i}.db", *order), whole)
            self.merged(f"pair{i}.db", *order[:2])
            self.assertEqual(self.merged(f"steps{i}.db", order[2], f"pair{i}.db"), whole)
        self.assertEqual(self.merged("again.db", "whole.db", "a.db"), whole)
        arrays = [self.ok("export", name, "--format", "safetensors", "--document", 3, "-o", f"{name}.st") and
                  (self.folder / f"{name}.st").read_bytes() for name in ("whole.db", "order5.db", "steps2.db")]
        self.assertEqual(len(set(arrays)), 1)

    def test_a_document_keeps_all_its_origins(self):
        sequences = json.loads(self.merged("whole.db", "c.db", "b.db", "a.db"))["sequences"]
        ids = sorted(sorted(origin["id"] for origin in sequence["origins"]) for sequence in sequences)
        self.assertEqual(ids, [["a0", "c2"], ["a1"], ["a2", "b0"], ["a3", "b1", "c1"], ["b2"], ["b3"], ["c0"]])

    def test_what_does_not_belong_together_is_refused(self):
        self.scan("--jsonl", "a.jsonl", "-o", "near.db", "--min-distance", 32)
        self.fails(3, ["near.db", "min_distance = 64, got 32"], "merge", "a.db", "near.db", "-o", "m.db")
        other = self.folder / "other.gguf"
        harness.subprocess.run([harness.MAKE_TINY, "llama", other, "7"], check=True)
        self.ok("scan", "-m", other, "--jsonl", "a.jsonl", "-o", "other.db")
        self.fails(3, ["other.db", "another model"], "merge", "a.db", "other.db", "-o", "m.db")
        self.fails(7, "b.db", "merge", "a.db", "c.db", "-o", "b.db")
        self.fails(3, "no.db", "merge", "a.db", "no.db", "-o", "m.db")
        with sqlite3.connect(self.folder / "else.db") as database:
            database.execute("CREATE TABLE t (x)")
        self.fails(3, "else.db", "merge", "a.db", "else.db", "-o", "m.db")
        self.assertFalse((self.folder / "m.db").exists())


if __name__ == "__main__":
    harness.main()
