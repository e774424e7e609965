"""Models as they are found: in several files, with metadata that are missing or odd. A note, or one line."""

import json
import sqlite3

import gguf_files
import harness
from gguf_files import number
from harness import TEXT

BOS = "tokenizer.ggml.bos_token_id"


class Parts(harness.ProgramTest):
    def figures(self, model):
        """What a scan says of the model, without what names its file."""
        found = self.ok("scan", "-m", model, "-f", self.document, "--json", "-").json()
        return json.dumps([found["sequences"], found["options"]], sort_keys=True)

    def test_a_split_model_is_the_whole_model_in_precision_too(self):
        self.document = self.file("a.txt", TEXT)
        whole = self.figures(self.tiny)
        for first_is_empty in (False, True):
            first = gguf_files.split(self.tiny, self.folder, f"s{first_is_empty:d}", 20, first_is_empty)
            self.assertEqual(self.figures(first), whole)

    def test_the_list_of_models_counts_all_parts(self):
        whole = self.ok("models", self.tiny.parent, "--json", "-").json()["models"][0]
        gguf_files.split(self.tiny, self.folder, "s", 20, True)
        (listed,) = self.ok("models", self.folder, "--json", "-").json()["models"]
        self.assertEqual((listed["quantisation"], listed["problem"]), (whole["quantisation"], None))
        self.assertGreaterEqual(listed["n_bytes"], whole["n_bytes"])
        for part in self.folder.glob("s-00002-*"):
            part.unlink()
        (listed,) = self.ok("models", self.folder, "--json", "-").json()["models"]
        self.assertIn("found none", listed["problem"])

    def test_a_whole_model_that_is_named_as_a_part(self):
        self.document = self.file("a.txt", TEXT)
        named = self.file("x-00001-of-00002.gguf", self.tiny.read_bytes())
        self.assertEqual(self.figures(named), self.figures(self.tiny))

    def test_parts_that_are_missing_or_misnamed(self):
        document = self.file("a.txt", TEXT)
        first = gguf_files.split(self.tiny, self.folder, "s", 20, False)
        self.fails(4, "part 2 of", "scan", "-m", str(first).replace("-00001-", "-00002-"), "-f", document)
        (self.folder / "renamed.gguf").write_bytes(first.read_bytes())
        self.fails(4, ["named ...-00001-of-", "by which the others are found"], "scan", "-m", "renamed.gguf", "-f",
                   document)
        last = sorted(self.folder.glob("s-*.gguf"))[-1]
        last.unlink()
        self.fails(4, [last.name, "found none"], "scan", "-m", first, "-f", document)


class Metadata(harness.ProgramTest):
    def notes_of(self, model, *arguments):
        """Notes of a model, which terminal, JSON and results file must agree on; and the ids of the text's tokens."""
        document = self.file("a.txt", TEXT)
        out = self.ok("scan", "-m", model, "-f", document, "-o", "r.db", "--json", "out.json", "--force", *arguments).out
        notes = json.loads((self.folder / "out.json").read_text())["model"]["notes"]
        with sqlite3.connect(self.folder / "r.db") as results:
            stored = [row[0] for row in results.execute("SELECT text FROM notes ORDER BY id")]
            ids = results.execute("SELECT token_ids FROM documents").fetchone()[0]
        self.assertEqual(stored, notes)
        self.assertEqual(self.ok("show", "r.db", "--json", "-").json()["model"]["notes"], notes)
        self.assertEqual(out.count("note: "), len(notes))
        (self.folder / "r.db").unlink()
        return notes, [int.from_bytes(ids[i:i + 4], "little") for i in range(0, len(ids), 4)]

    def edited(self, change=None, drop=()):
        return gguf_files.edit(self.tiny, self.folder / "edited.gguf", change, drop)

    def test_a_model_without_oddities_has_no_notes(self):
        notes, tokens = self.notes_of(self.tiny)
        self.assertEqual((notes, tokens[0]), ([], 256))

    def test_a_bos_that_the_file_does_not_name_is_not_made_up(self):
        for model, expected in [
                (lambda: self.edited(drop=[BOS]), f"{BOS} is missing"),
                (lambda: self.edited({BOS: number(4000000000)}), f"{BOS} is 4000000000, which no token has")]:
            notes, tokens = self.notes_of(model())
            self.assertEqual(len(notes), 1)
            self.assertIn(expected, notes[0])
            self.assertEqual(tokens[:3], [ord(c) for c in TEXT[:3]])  # no comma, which is token 11 in other models
            self.fails(2, "no BOS token", "scan", "-m", "edited.gguf", "-p", TEXT, "--bos", "on")

    def test_a_trained_length_that_is_none(self):
        notes, _ = self.notes_of(self.edited({"llama.context_length": number(4294967295)}))
        self.assertIn("llama.context_length is 4294967295", notes[0])
        self.fails(4, "llama.context_length", "scan", "-m", self.edited(drop=["llama.context_length"]), "-p", TEXT)
        self.fails(4, "llama.context_length", "scan", "-m", self.edited({"llama.context_length": number(0)}), "-p", TEXT)

    def test_what_llama_cpp_only_logs(self):
        notes, _ = self.notes_of(self.edited(drop=["tokenizer.ggml.pre"]))
        self.assertIn("tokenizer.ggml.pre is missing", notes[0])
        notes, _ = self.notes_of(self.edited({"llama.attention.sliding_window": number(128)}))
        self.assertIn("sliding_window is 128, which llama.cpp ignores", notes[0])

    def test_a_window_that_leaves_few_far_queries(self):
        self.ok("tiny", "--arch", "gemma3", "-o", "g.gguf")
        text = self.file("long.txt", TEXT * 4)
        scan = lambda window: self.ok("scan", "-m", "g.gguf", "-f", text, "--override-kv",
                                      f"gemma3.attention.sliding_window=int:{window}", "--json", "-").json()
        allowed, silent, wide = scan(127), scan(40), scan(128)
        self.assertEqual([one["options"]["measurement"]["min_distance"] for one in (allowed, silent, wide)], [63, 64, 64])
        self.assertIn("queries from 63 positions on are far", allowed["model"]["notes"][-1])
        self.assertIn("take no part in verdicts", silent["model"]["notes"][-1])
        self.assertEqual(wide["model"]["notes"], [])

    def test_texts_that_cannot_fit_are_refused_by_their_bytes(self):
        model = self.edited({"llama.context_length": number(1000)})
        long = self.file("long.txt", "word " * 3_000_000)
        result = self.fails(3, ["15000000 bytes", "1000 tokens", "--chunk"], "scan", "-m", model, "-f", long, timeout=60)
        self.assertEqual(result.out, "")


if __name__ == "__main__":
    harness.main()
