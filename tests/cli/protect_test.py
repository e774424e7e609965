"""protect: caches of tiny models whose sinks are made by a known MLP."""

import contextlib
import json
import random
import shutil
import sqlite3
import struct
import zlib

import harness

LAYER = 4
N_DOCUMENTS = 16
KL_OF_FIRST_SET = 4 + 2 + 4 + 4 + 1 + 8 + 1  # bytes before it: magic, layout, n, number of sets; set, tokens, is there


def texts(n):
    """Texts of letters, each with two sinks."""
    rng = random.Random(1)
    for document in range(n):
        letters = [rng.choice("abcdefghijklmnop ") for _ in range(230)]
        for position in (60 + document, 80 + document):
            letters[position] = "#"
        yield json.dumps({"text": "".join(letters)})


def sinks_of(document):
    return [0, 61 + document, 81 + document]  # a token is a byte, and BOS stands before the text


class Protect(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--layers", 6, "--width", 128, "--heads", 2, "--kv-heads", 1,
                "--sink", f"layer={LAYER - 1},token='#',norm=150", "-o", "tiny.gguf")

    def scan(self, n, name="out.db"):
        self.ok("scan", "-q", "-m", "tiny.gguf", "--precision", "native", "--jsonl",
                self.file("texts.jsonl", "\n".join(texts(n))), "-o", name)

    def protect(self, *options, results="out.db"):
        return self.ok("protect", "-q", "-m", "tiny.gguf", "--precision", "native", "--draws", 2, *options, results,
                       "--json", "-")

    def test_windows_and_bits_at_equal_budget(self):
        self.scan(N_DOCUMENTS)
        first = self.protect("--window", "80,5000", "--cache", "q8_0,kivi2", "--mask", "mask.safetensors")
        result = first.json()
        self.assertEqual(result["schema"], "sinkscope.protect/1")
        self.assertEqual([cache["cache"] for cache in result["caches"]], ["window:80", "window:5000", "q8_0", "kivi2"])
        self.assertEqual([cache["cells"] for cache in result["caches"]], [80, 5000, None, None])
        names = ["none", "primary", "first 4", "first n", "primary + sinks", "primary + most attended",
                 "primary + placebo"]
        for cache in result["caches"]:
            self.assertEqual([one["set"] for one in cache["sets"]], names)
            if cache["cells"] == 5000:
                self.assertIsNone(cache["recommended"])
                self.assertEqual(cache["reason"], "not enough: 0 documents, 16 needed")
                self.assertEqual({one["n_documents"] for one in cache["sets"]}, {0})
                continue
            self.assertEqual((cache["documents_that_chose"], cache["documents_that_judge"]), (8, 8))
            self.assertEqual([one["n_tokens"] for one in cache["sets"]], [0, 1, 4, 3, 3, 3, 3])
            self.assertIn(cache["recommended"], names[:-1])
            self.assertIn("8 documents chose", cache["reason"])
            for one in cache["sets"]:
                self.assertGreater(one["kl"], 0)
                low, high = one["interval"]
                self.assertLessEqual(low, one["kl"])
                self.assertLessEqual(one["kl"], high)
            self.assertEqual(cache["sets"][3]["difference_to_first_n"], {"mean": 0, "interval": [0, 0]})
        window, _, q8, kivi2 = result["caches"]
        self.assertGreater(window["sets"][0]["kl"], 2 * window["sets"][1]["kl"])  # the primary is most of it
        self.assertNotEqual(window["recommended"], "none")
        self.assertGreater(kivi2["sets"][0]["kl"], 5 * q8["sets"][0]["kl"])
        llama = result["llama_cpp"]
        self.assertEqual(llama["window"], "window:80")
        self.assertEqual(llama["keep"], llama["first_tokens"] - 1)  # the vocabulary adds BOS
        self.assertEqual(llama["flags"], f"--context-shift --keep {llama['keep']}")
        self.assertEqual([document["positions"] for document in result["documents"]],
                         [sinks_of(document) for document in range(N_DOCUMENTS)])
        ids = {entry["token_id"]: (entry["sinks"], entry["occurrences"]) for entry in result["token_ids"]}
        self.assertEqual(ids, {ord("#"): (2 * N_DOCUMENTS, 2 * N_DOCUMENTS), 256: (N_DOCUMENTS, N_DOCUMENTS)})
        self.check_mask()
        self.assertEqual(self.protect("--window", "80,5000", "--cache", "q8_0,kivi2").bytes, first.bytes)
        figure = self.ok("plot", "out.db", "--figure", "effects").out
        self.assertIn(f"window:80: KL by the tokens that it keeps; recommended: {window['recommended']}", figure)
        self.assertIn("95 %", figure)
        self.assertNotIn("window:5000", figure)

    def test_goes_on_where_it_was_stopped(self):
        self.scan(3)
        shutil.copy(self.folder / "out.db", self.folder / "whole.db")
        options = ("--window", 80, "--cache", "kivi2")
        undisturbed = self.protect(*options, results="whole.db")
        self.assertEqual(len(self.protect(*options, "--documents", 2).json()["documents"]), 2)
        stored = self.stored()
        self.assertEqual([row[:2] for row in stored], [(1, 0), (2, 0), (1, 1), (2, 1)])
        self.assertEqual(self.protect(*options).bytes, undisturbed.bytes)
        self.assertEqual(self.stored()[:4], stored)
        self.assertEqual(len(self.stored()), 6)
        self.assertIn("sound", self.ok("verify", "out.db").out)
        # It is shown without the model.
        self.assertEqual(self.ok("export", "out.db", "--format", "json", "--what", "protect").bytes, undisturbed.bytes)
        figure = self.ok("plot", "out.db", "--figure", "effects").out
        for words in ("window:80: KL by the tokens that it keeps; not enough: 3 documents, 16 needed",
                      "kivi2: KL by the tokens that it stores exactly", "+ sinks"):
            self.assertIn(words, figure)
        self.fails(3, "no sinks were taken away yet", "export", "out.db", "--format", "json", "--what", "edits")
        # What is there is read, not measured: figures that no run gives come back.
        data = bytearray(stored[0][2])
        struct.pack_into("<d", data, KL_OF_FIRST_SET, 7.5)
        struct.pack_into("<I", data, len(data) - 4, zlib.crc32(data[:-4]))
        with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as results, results:
            results.execute("UPDATE edit_effects SET data = ? WHERE edit = 1 AND document = 0", (bytes(data),))
        first = self.protect(*options).json()["documents"][0]["caches"][0]
        self.assertEqual((first["cache"], first["sets"][0]["set"], first["sets"][0]["kl"]), ("window:80", "none", 7.5))

    def test_stopped_it_says_what_is_kept(self):
        self.scan(12)
        command = ("protect", "-q", "-m", "tiny.gguf", "--precision", "native", "--window", 80, "--draws", 20, "out.db")
        said = self.stopped(lambda: self.rows_of("out.db", "edit_effects") > 1, *command)
        kept = self.rows_of("out.db", "edit_effects")
        self.assertLess(kept, 12)
        self.assertEqual(said, f"sinkscope: error: stopped; 'out.db' holds {kept} of 12 sequences: the same command goes on from "
                               "there")
        self.ok(*command)
        self.assertEqual(self.rows_of("out.db", "edit_effects"), 12)
        said = self.stopped(lambda: (self.folder / "duo").exists(), *command, "--duo", "duo")
        self.assertRegex(said, "stopped; 'out.db' holds 12 of 12 sequences: the same command"
                               "|stopped while tiny.gguf was being loaded|stopped before all of it was read")

    def stored(self):
        with contextlib.closing(sqlite3.connect(self.folder / "out.db")) as results:
            return results.execute("SELECT edit, document, data FROM edit_effects ORDER BY id").fetchall()

    def check_mask(self):
        data = (self.folder / "mask.safetensors").read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        self.assertEqual(header["__metadata__"]["schema"], "sinkscope.mask/1")
        for document in range(N_DOCUMENTS):
            entry = header[f"{document}/mask"]
            self.assertEqual((entry["dtype"], entry["shape"]), ("U8", [231]))
            first, end = entry["data_offsets"]
            mask = data[8 + length + first:8 + length + end]
            self.assertEqual([i for i, one in enumerate(mask) if one], sinks_of(document))
            entry = header[f"{document}/token_ids"]
            first, end = entry["data_offsets"]
            ids = struct.unpack("<231i", data[8 + length + first:8 + length + end])
            self.assertEqual((ids[0], ids[sinks_of(document)[1]]), (256, ord("#")))

    def test_few_documents_give_figures_and_no_advice(self):
        self.scan(2)
        self.ok("verify", "out.db")
        said = self.ok("protect", "-q", "-m", "tiny.gguf", "--precision", "native", "--window", 80, "out.db").out
        self.assertIn("4 sinks beside the primary in 2 of 2 sequences", said)
        self.assertIn("window:80: by the tokens that it keeps; figures of 2 documents", said)
        self.assertIn("not enough: 2 documents, 16 needed", said)
        self.assertNotIn("llama.cpp", said)
        one = self.protect("--window", 80, "--documents", 1).json()
        self.assertEqual(len(one["documents"]), 1)
        self.assertIsNone(one["llama_cpp"])

    def test_a_pattern_of_heads(self):
        self.scan(3)
        options = ("--documents", 2, "--sink-size", 4, "--recent-size", 60, "--duo", "pattern")
        self.protect(*options, "--window", 80)
        config = json.loads((self.folder / "pattern" / "config.json").read_text())
        self.assertEqual((config["sink_size"], config["recent_size"]), (4, 60))
        self.assertEqual((config["sequences"], config["queries"]), (2, 2 * (231 - 64)))
        self.assertTrue(config["source"].startswith("measured, not trained"))
        heads = (self.folder / "pattern" / "full_attention_heads.tsv").read_text()
        rows = [[float(one) for one in line.split("\t")] for line in heads.splitlines()]
        self.assertEqual([len(row) for row in rows], [1] * 6)
        self.assertTrue(all(0 < row[0] < 1 for row in rows))
        # From the sinks' layer on the second text's sinks, which lie beyond both sizes, are looked at.
        self.assertGreater(rows[LAYER][0], 1.2 * rows[LAYER - 2][0])
        self.protect(*options, "--window", 80)  # it takes its own place
        self.assertEqual((self.folder / "pattern" / "full_attention_heads.tsv").read_text(), heads)
        (self.folder / "other").mkdir()
        (self.folder / "other" / "full_attention_heads.tsv").write_text("0.5\n")
        self.fails(7, "is there already and no earlier output", "protect", "-m", "tiny.gguf", "--duo", "other", "out.db")
        (self.folder / "file").write_text("x")
        self.fails(7, "duo: expected a folder", "protect", "-m", "tiny.gguf", "--duo", "file", "out.db")
        self.fails(3, "expected a sequence of 384 tokens or more", "protect", "-q", "-m", "tiny.gguf", "--precision",
                   "native", "--window", 80, "--draws", 2, "--documents", 2, "--duo", "pattern", "out.db")

    def test_a_detector_names_what_was_planted(self):
        self.scan(8)
        found = self.protect("--window", 80, "--detector", "detector.safetensors").json()["detector"]
        self.assertEqual((found["recall"], found["precision"]), (1, 1))
        self.assertEqual((found["sinks"], found["found"], found["false"]), (16, 16, 0))
        self.assertGreaterEqual(found["layer"], LAYER - 1)
        (cache,) = found["kl"]
        self.assertEqual((cache["cache"], cache["n_documents"], cache["n_tokens"]), ("window:80", 8, 3))
        data = (self.folder / "detector.safetensors").read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        self.assertEqual(header["__metadata__"]["schema"], "sinkscope.detector/1")
        self.assertEqual(header["__metadata__"]["recall"], "1.000000")
        self.assertEqual(header["axis"]["shape"], [128])

        def numbers(name, kind):
            first, end = header[name]["data_offsets"]
            return struct.unpack(f"<{(end - first) // 4}{kind}", data[8 + length + first:8 + length + end])
        self.assertEqual(numbers("layer", "i"), (found["layer"],))
        self.assertAlmostEqual(numbers("min_cosine", "f")[0], found["min_cosine"], places=6)
        self.assertAlmostEqual(sum(x * x for x in numbers("axis", "f")), 1, places=5)
        # It stays in the file, and is shown without the model.
        whole = self.protect("--window", 80, "--detector", "again.safetensors").bytes
        self.assertEqual(json.loads(whole)["detector"], found)
        self.assertEqual((self.folder / "again.safetensors").read_bytes(), data)
        self.assertEqual(self.ok("export", "out.db", "--format", "json", "--what", "protect").bytes, whole)
        self.assertIn("sound", self.ok("verify", "out.db").out)
        said = self.ok("protect", "-q", "-m", "tiny.gguf", "--precision", "native", "--window", 80, "--draws", 1,
                       "--documents", 2, "--detector", "detector.safetensors", "out.db").out
        self.assertIn("not enough: 2 documents, 8 needed", " ".join(said.split()))

    def test_refuses_in_a_line(self):
        self.scan(1)
        self.fails(3, "no cache was measured yet", "export", "out.db", "--format", "json", "--what", "protect")
        self.fails(2, "is written as json, got csv", "export", "out.db", "--format", "csv", "--what", "protect")
        self.fails(3, ["`sinkscope protect` has been run on"], "plot", "out.db", "--figure", "effects")
        base = ("protect", "-q", "-m", "tiny.gguf", "--precision", "native")
        self.fails(2, "expected q8_0, q4_0", *base, "--cache", "q5_0", "out.db")
        self.fails(2, "expected each cache once", *base, "--cache", "kivi2,kivi2", "out.db")
        self.fails(2, "expected a whole number from 2", *base, "--window", "1", "out.db")
        self.fails(3, "expected a sequence of 465 tokens or more, got none of 1", *base, "--window", "400", "out.db")
        self.fails(3, "with which it was scanned", *base, "--cache-type-k", "f32", "out.db")
        self.ok("tiny", "--arch", "llama", "--layers", 3, "-o", "narrow.gguf")
        self.ok("scan", "-q", "-m", "narrow.gguf", "--precision", "native", "--jsonl", "texts.jsonl", "-o", "narrow.db")
        self.fails(4, "expected heads of a multiple of 32 numbers, got 16 and 16", "protect", "-q", "-m", "narrow.gguf",
                   "--precision", "native", "--cache", "q4_0", "narrow.db")


if __name__ == "__main__":
    harness.main()
