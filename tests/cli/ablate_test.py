"""ablate: tiny models whose sinks are made by a known MLP, taken away in every way."""

import contextlib
import csv
import json
import random
import sqlite3

import harness

LAYER = 4


def texts(n):
    """Texts of letters, each with two sinks."""
    rng = random.Random(1)
    for document in range(n):
        letters = [rng.choice("abcdefghijklmnop ") for _ in range(330)]
        for position in (60 + 7 * document, 130 + 3 * document):
            letters[position] = "#"
        yield json.dumps({"text": "".join(letters)})


class Ablate(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--layers", 8, "--sink", f"layer={LAYER},token='#',norm=150", "-o", "tiny.gguf")
        self.scan_texts(2)

    def scan_texts(self, n, name="out.db", text="out.db.jsonl"):
        self.ok("scan", "-q", "-m", "tiny.gguf", "--precision", "native", "--jsonl",
                self.file(text, "\n".join(texts(n))), "-o", name)

    def ablate(self, *options, results="out.db", draws=2):
        options = ("--draws", draws, *options)
        return self.ok("ablate", "-q", "-m", "tiny.gguf", "--precision", "native", *options, results, "--json", "-")

    def test_stopped_it_says_what_is_kept(self):
        self.scan_texts(12, "many.db", "many.jsonl")
        command = ("ablate", "-q", "-m", "tiny.gguf", "--precision", "native", "--draws", 30, "many.db")
        said = self.stopped(lambda: self.rows_of("many.db", "edit_effects") > 1, *command)
        kept = self.rows_of("many.db", "edit_effects")
        self.assertLess(kept, 12)
        self.assertEqual(said, f"sinkscope: error: stopped; 'many.db' holds {kept} of 12 sequences: the same command goes on from "
                               "there")
        self.ok(*command)
        self.assertEqual(self.rows_of("many.db", "edit_effects"), 12)

    def test_takes_sinks_away_beside_a_placebo(self):
        ablated = self.ablate("--how", "knockout", "--how", "evict:64").json()
        self.assertEqual(ablated["schema"], "sinkscope.ablate/1")
        self.assertEqual([edit["how"] for edit in ablated["edits"]], ["knockout", "evict:64"])
        for edit in ablated["edits"]:
            self.assertEqual(len(edit["sequences"]), 2)
            for document, sequence in enumerate(edit["sequences"]):
                # A token is a byte, and BOS stands before the text.
                self.assertEqual([token["position"] for token in sequence["removed"]], [61 + 7 * document, 131 + 3 * document])
                self.assertEqual({token["l_start"] for token in sequence["removed"]}, {LAYER})
                self.assertEqual(sequence["primary"], 0)
                self.assertEqual(sequence["edited"]["primary"], 0)
                self.assertEqual(len(sequence["placebo"]), 2)
                self.assertLessEqual(sequence["placebo_distance"], 5)
                blocks = sequence["blocks"]
                self.assertEqual(len(blocks), 8)
                for block in blocks:
                    in_force = edit["how"] == "evict:64" or block["block"] > LAYER
                    self.assertEqual(block["removed"] is not None, in_force)
                    if not in_force:
                        continue
                    self.assertEqual(block["queries"], 331 - (61 + 7 * document) - 64)
                    removed = block["removed"]
                    self.assertAlmostEqual(removed["own_logit"] + removed["competition"] + removed["other_keys"],
                                           removed["log_a"], delta=1e-4)
                if edit["how"] == "knockout":
                    first = blocks[LAYER + 1]
                    self.assertGreater(first["removed"]["score"], 0.01)
                    # Nothing but the removed keys' mass has changed there; logs are float32.
                    for term in ("own_logit", "other_keys", "log_odds"):
                        self.assertAlmostEqual(first["removed"][term], 0, delta=1e-5)
                    # All of it, but for what the second removed token gives to itself.
                    self.assertAlmostEqual(first["removed"]["removed_mass"], -first["base"]["removed_mass"],
                                           delta=1 / first["queries"])
                    for draw in first["placebo"]:
                        self.assertLess(abs(draw["score"]), 0.2 * first["removed"]["score"])
                tokens = sequence["tokens"]["removed"]
                self.assertEqual(tokens["n"], 330 - (61 + 7 * document))
                self.assertGreaterEqual(tokens["kl"], 0)
                downstream = tokens["downstream"]
                self.assertLessEqual(abs(downstream["n"] - (331 - (61 + 7 * document) - 64)), 5)  # but for the draws' tokens
                self.assertEqual(len(downstream["layers"]), 8)
                for layer, change in enumerate(downstream["layers"]):
                    touched = edit["how"] == "evict:64" or layer > LAYER
                    self.assertEqual(change["norm"] != 0, touched)
                    self.assertLessEqual(change["cosine"], 1 + 1e-6)
        verdicts = {(verdict["how"], verdict["about"]): verdict for verdict in ablated["verdicts"]}
        self.assertEqual(len(verdicts), 4)
        for verdict in verdicts.values():
            self.assertEqual(verdict["verdict"], "not enough")
            self.assertEqual(verdict["reason"], "2 documents, 8 needed")
            self.assertIsNone(verdict["interval"])

    def test_says_what_it_found_in_words(self):
        said = self.ok("ablate", "-q", "-m", "tiny.gguf", "--precision", "native", "--draws", 2, "--no-loss", "out.db").out
        self.assertIn("knockout: 4 secondary sinks in 2 documents; 2 placebo draws", said)
        self.assertIn("primary: not enough; 2 documents, 8 needed", said)
        self.assertNotIn("next-token loss", said)

    def test_an_edit_that_changes_nothing_changes_nothing(self):
        for how in ("scale:1", "evict:300"):
            sequences = self.ablate("--how", how).json()["edits"][0]["sequences"]
            for sequence in sequences:
                effects = [block["removed"] for block in sequence["blocks"] if block["removed"]]
                self.assertGreaterEqual(len(effects), 3)
                for effect in effects:
                    for name in ("score", "log_a", "own_logit", "competition", "other_keys", "log_odds", "removed_mass"):
                        self.assertEqual(effect[name], 0, (how, name))
                self.assertEqual(sequence["tokens"]["removed"]["loss"], 0)

    def test_named_sinks_repeat_a_run_byte_for_byte(self):
        first = self.ablate("--no-loss")
        self.assertEqual(self.ablate("--no-loss").bytes, first.bytes)
        edit = first.json()["edits"][0]
        named = {"sequences": [{"document": sequence["document"],
                                "sinks": [{key: token[key] for key in ("position", "l_start", "l_end")}
                                          for token in sequence["removed"]],
                                "placebo": sequence["placebo"]} for sequence in edit["sequences"]]}
        path = self.file("sinks.json", json.dumps(named))
        again = self.ablate("--no-loss", "--sinks", path).json()
        self.assertEqual(again["options"]["sinks"], "listed")
        for one, other in zip(edit["sequences"], again["edits"][0]["sequences"]):
            self.assertEqual(one["blocks"], other["blocks"])
            self.assertEqual(one["edited"], other["edited"])

    def test_what_was_measured_is_in_the_file(self):
        self.ablate("--documents", 1, "--no-loss")
        whole = self.ablate("--how", "knockout", "--how", "evict:64", "--no-loss")
        self.assertEqual(self.ok("verify", "out.db").code, 0)
        self.scan_texts(2, "anew.db", "out.db.jsonl")
        anew = self.ablate("--how", "knockout", "--how", "evict:64", "--no-loss", results="anew.db")
        self.assertEqual(anew.bytes, whole.bytes)
        with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as results:
            count = results.execute("SELECT count(*), count(DISTINCT edit) FROM edit_effects").fetchone()
        self.assertEqual(count, (4, 2))
        self.ok("merge", "out.db", "anew.db", "-o", "both.db")
        merged = self.ablate("--how", "knockout", "--how", "evict:64", "--no-loss", results="both.db")
        self.assertEqual(merged.bytes, whole.bytes)
        # Other margins need no run, so other verdicts come of the same rows.
        self.ablate("--no-loss", "--score-margin", "0.5")
        with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as results:
            self.assertEqual(results.execute("SELECT count(*) FROM edit_effects").fetchone(), (4,))

    def test_the_file_shows_it_without_the_model(self):
        self.fails(3, "no sinks were taken away yet", "export", "out.db", "--format", "json", "--what", "edits")
        self.fails(3, "that `sinkscope ablate` or `sinkscope protect` has been run on", "plot", "out.db", "--figure", "effects")
        self.ok("report", "out.db", "-o", "before.html")
        first = self.ablate("--how", "knockout", "--how", "evict:64").json()
        shown = self.ok("export", "out.db", "--format", "json", "--what", "edits").json()
        for part in ("edits", "effects", "verdicts"):
            self.assertEqual(shown[part], first[part])
        rows = list(csv.DictReader(self.ok("export", "out.db", "--format", "csv", "--what", "edits").out.splitlines()))
        n = 0
        for edit in first["edits"]:
            for sequence in edit["sequences"]:
                for block in sequence["blocks"]:
                    for run, effect in [("removed", block["removed"]), *(("placebo", draw) for draw in block["placebo"])]:
                        if effect is None:
                            continue
                        row = rows[n]
                        n += 1
                        self.assertEqual((row["how"], int(row["sequence"]), int(row["block"]), row["run"]),
                                         (edit["how"], sequence["sequence"], block["block"], run))
                        self.assertEqual(float(row["score"]), effect["score"])
                        self.assertEqual(float(row["log_odds"]), effect["log_odds"])
        self.assertEqual(n, len(rows))
        figure = self.ok("plot", "out.db", "--figure", "effects").out
        for words in ("knockout: the primary&#39;s score", "evict:64: its log odds", "KL by distance"):
            self.assertIn(words.replace("&#39;", "'"), figure.replace("&#39;", "'").replace("&apos;", "'"))
        self.ok("report", "out.db", "-o", "after.html")
        self.assertGreater((self.folder / "after.html").stat().st_size, (self.folder / "before.html").stat().st_size)
        self.fails(2, "is written as json or csv", "export", "out.db", "--format", "explain", "--what", "edits")
        # Of several commands the last; its edits only.
        self.ablate("--how", "knockout", "--no-loss", "--seed", 7)
        last = self.ok("export", "out.db", "--format", "json", "--what", "edits").json()
        self.assertEqual([edit["how"] for edit in last["edits"]], ["knockout"])
        self.assertEqual(last["options"]["seed"], 7)

    def test_eight_documents_give_verdicts(self):
        self.scan_texts(8, "eight.db", "eight.jsonl")
        ablated = self.ablate(results="eight.db", draws=1).json()
        verdict = ablated["verdicts"][0]
        self.assertNotEqual(verdict["verdict"], "not enough")
        self.assertEqual(verdict["n_documents"], 8)
        low, high = verdict["interval"]
        self.assertLessEqual(low, verdict["difference"])
        self.assertLessEqual(verdict["difference"], high)
        endpoints = [effect for effect in ablated["effects"] if effect["block"] is None and effect["distance"] is None]
        self.assertEqual([effect["quantity"] for effect in endpoints], ["score", "log_odds", "loss", "kl"])
        for effect in endpoints:
            self.assertGreaterEqual(effect["q"], effect["p"])
        self.assertEqual(len(self.ablate("--documents", 3, "--no-loss", results="eight.db").json()["edits"][0]["sequences"]), 3)

    def test_removing_the_primary_names_what_follows(self):
        sequence = self.ablate("--sinks", "primary", "--how", "evict:1", "--no-loss").json()["edits"][0]["sequences"][0]
        self.assertEqual(sequence["removed"][0]["position"], 0)
        self.assertNotEqual(sequence["edited"]["primary"], 0)

    def test_refuses_in_a_line(self):
        base = ("ablate", "-q", "-m", "tiny.gguf", "--precision", "native")
        self.fails(2, "expected knockout, evict:D", *base, "--how", "drop", "out.db")
        self.fails(2, "expected each edit once", *base, "--how", "unwrite", "--how", "unwrite", "out.db")
        self.fails(2, "primary or a file, got 'missing.json'", *base, "--sinks", "missing.json", "out.db")
        self.fails(3, "with unaligned sinks; none of 2", *base, "--sinks", "unaligned", "out.db")
        self.fails(3, "JSON nests 1000 deep", *base, "--sinks", self.file("deep.json", "[" * 1000), "out.db")
        sinks = {"position": 9, "l_start": 1, "l_end": 2}
        self.fails(3, "as the results hold several", *base, "--sinks",
                   self.file("nobody.json", json.dumps({"sequences": [{"sinks": [sinks]}]})), "out.db")
        self.fails(3, "expected documents of the results file", *base, "--sinks",
                   self.file("other.json", json.dumps({"sequences": [{"document": "aa", "sinks": [sinks]}]})), "out.db")
        self.fails(3, "expected --cache-type-k f16, with which it was scanned, got f32", *base, "--cache-type-k", "f32", "out.db")
        self.ok("tiny", "--arch", "llama", "--layers", 7, "-o", "other.gguf")
        self.fails(3, "expected the model that it was scanned with", "ablate", "-m", "other.gguf", "out.db")


if __name__ == "__main__":
    harness.main()
