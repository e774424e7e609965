"""explain and mlp: tiny models whose sinks are made by a known MLP, and a layer's MLP as a map."""

import base64
import contextlib
import json
import random
import re
import shutil
import sqlite3
import struct
import zlib

import harness

LAYER = 4


def texts():
    """Six texts of letters, each with two sinks."""
    rng = random.Random(1)
    for document in range(6):
        letters = [rng.choice("abcdefghijklmnop ") for _ in range(420)]
        for position in (60 + 7 * document, 130 + 3 * document):
            letters[position] = "#"
        yield json.dumps({"text": "".join(letters)})


def safetensors(name, rows):
    """The bytes of a file with one float32 array [n, d]."""
    data = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    header = json.dumps({name: {"dtype": "F32", "shape": [len(rows), len(rows[0])],
                                "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


class Explain(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--layers", 10, "--sink", f"layer={LAYER},token='#',norm=150", "-o", "tiny.gguf")
        self.ok("scan", "-q", "-m", "tiny.gguf", "--jsonl", self.file("texts.jsonl", "\n".join(texts())), "-o", "out.db")

    def test_names_the_mlp_that_makes_the_sinks(self):
        explained = self.ok("explain", "-q", "-m", "tiny.gguf", "--claims", "formation", "out.db", "--json", "-").json()
        self.assertEqual(explained["schema"], "sinkscope.explain/1")
        runs = [run for sequence in explained["sequences"] for run in sequence["runs"]]
        self.assertEqual(len(runs), 12)
        for run in runs:
            self.assertTrue(run["formed"])
            self.assertEqual((run["peak"]["largest"][0]["part"], run["peak"]["largest"][0]["layer"]), ("mlp", LAYER))
            self.assertGreater(run["peak"]["mlp_share"], 0.99)
            # Neurons sum to what the MLP writes: 1 % as products are rounded.
            self.assertAlmostEqual(run["neurons"]["sum"], run["mlp_axis"][LAYER], delta=0.01 * run["mlp_axis"][LAYER])
            self.assertEqual(run["end"]["cause"], "network")
        edited = [run for run in runs if run["together"]]
        self.assertEqual(len(edited), 8)
        for run in edited:
            self.assertTrue(run["together"]["removed"])
            self.assertEqual(run["together"]["layers"], [LAYER])
            by_layer = {edit["layer"]: edit for edit in run["edits"]}
            self.assertTrue(by_layer[LAYER]["axis"]["removed"])
            self.assertFalse(by_layer[LAYER]["rest"]["removed"])
            self.assertFalse(any(edit["axis"]["removed"] for edit in run["edits"] if edit["placebo"]))
        claims = {(claim["claim"], claim["kind"]): claim for claim in explained["claims"]}
        self.assertEqual(claims["formation", "secondary"]["verdict"], "yes")
        self.assertEqual(claims["formation", "secondary"]["null"], 0)
        self.assertEqual(claims["formation", "primary_like"]["verdict"], "not enough")
        self.assertIsNone(claims["formation", "primary_like"]["effect"])

    def explain(self, *options, results="out.db"):
        return self.ok("explain", "-q", "-m", "tiny.gguf", "--edit-sinks", 1, *options, results, "--json", "-")

    def copy(self, name, statements=()):
        """The results file as it was before explain, changed by SQL."""
        shutil.copy(self.folder / "out.db", self.folder / name)
        with contextlib.closing(sqlite3.connect(self.folder / name)) as results, results:
            for statement in statements:
                results.execute(statement)
        return name

    def test_what_was_measured_is_in_the_file(self):
        before = self.copy("before.db")
        explained = self.explain()
        self.assertEqual(self.ok("export", "out.db", "--format", "explain").bytes, explained.bytes)
        shown = self.ok("show", "out.db").out
        self.assertIn("12 sinks explained in 6 sequences", shown)
        self.assertIn(f"MLP {LAYER} as a map, secondary", shown)
        self.assertIn("out.db: sound", self.ok("verify", "out.db").out)
        for figure in ("formation", "excess", "neurons", "mlp_map", "decision", "norm", "survival", "primary"):
            with self.subTest(figure=figure):
                result = self.run_program("plot", "out.db", "--figure", figure)
                self.assertIn(result.code, (0, 3), result.err)
                self.assertEqual(result.code == 3, figure == "primary", result.err)  # no text is without secondary sinks
        self.assertTrue('"explained": {"claims"' in self.index_of("out.db"))
        self.assertTrue('"explained": null' in self.index_of(before))
        self.fails(3, "was not explained yet", "export", before, "--format", "explain")
        self.fails(3, "explain", "plot", before, "--figure", "excess")

    def index_of(self, results):
        """The page's opening block: see docs/report.md."""
        page = self.ok("report", results, "-o", "-").out
        block = zlib.decompress(base64.b64decode(re.search(r'id="index"[^>]*>([^<]*)<', page).group(1)))
        return block[4:4 + struct.unpack("<I", block[:4])[0]].decode()

    def test_goes_on_where_it_was(self):
        whole = self.explain(results=self.copy("whole.db")).bytes
        # As if it had been stopped after three texts, then after the edits.
        self.explain("--claims", "norm", results=self.copy("part.db"))
        with contextlib.closing(sqlite3.connect(self.folder / "part.db")) as results, results:
            results.execute("DELETE FROM explanations WHERE document > 2")
        self.assertIn("not measured yet: 3 sequences", self.ok("show", "part.db").out)
        self.assertEqual(self.explain(results="part.db").bytes, whole)
        # What is there is not measured again: rows stay as they are.
        rows = self.rows("part.db")
        self.assertEqual(self.explain(results="part.db").bytes, whole)
        self.assertEqual(self.rows("part.db"), rows)
        more = self.ok("explain", "-q", "-m", "tiny.gguf", "--edit-sinks", 3, "part.db", "--json", "-").json()
        edited = [run for sequence in more["sequences"] for run in sequence["runs"] if run["edits"]]
        self.assertEqual(len(edited), 3)

    def test_stopped_it_says_what_is_kept(self):
        command = ("explain", "-q", "-m", "tiny.gguf", self.copy("cut.db"))
        said = self.stopped(lambda: self.rows_of("cut.db", "explanations") > 1, *command)
        kept = self.rows_of("cut.db", "explanations")
        self.assertRegex(said, rf"stopped; '.*cut.db' holds {kept} of 6 sequences(, and the edits made so far)?: the same command goes "
                               "on from there")

    def rows(self, results):
        with contextlib.closing(sqlite3.connect(self.folder / results)) as connection:
            return connection.execute("SELECT * FROM explanations").fetchall() + connection.execute("SELECT * FROM maps").fetchall()

    def test_other_options_measure_again_and_say_so(self):
        self.explain()
        result = self.run_program("explain", "-q", "-m", "tiny.gguf", "--edit-sinks", 1, "--seed", 2, "out.db")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("explained before with seed = 1, now 2: all is measured again", result.err)

    def test_sinks_of_other_thresholds_are_counted_and_named(self):
        self.explain()
        # States shrink against ordinary ones from layer to layer: with this threshold they end earlier.
        stricter = ("--min-norm-ratio", 17.2)
        explained = self.ok("export", "out.db", "--format", "explain", *stricter).json()
        runs = [run for sequence in explained["sequences"] for run in sequence["runs"]]
        judged = self.ok("export", "out.db", "--format", "json", *stricter).json()
        sinks = [sink for sequence in judged["sequences"] for sink in sequence["sinks"] if sink["kind"] != "unaligned"]
        self.assertGreater(len(explained["unexplained"]), 0)
        self.assertEqual(len(runs) + len(explained["unexplained"]), len(sinks))
        shown = self.ok("show", "out.db", *stricter).out
        self.assertIn(f"not explained under these thresholds: {len(explained['unexplained'])} sink", shown)

    def test_merged_files_keep_what_was_measured(self):
        lines = (self.folder / "texts.jsonl").read_text().splitlines()
        for name, part in (("a", lines[:3]), ("b", lines[3:])):
            self.file(f"{name}.jsonl", "\n".join(part))
            self.ok("scan", "-q", "-m", "tiny.gguf", "--jsonl", f"{name}.jsonl", "-o", f"{name}.db")
            self.explain(results=f"{name}.db")
        self.ok("merge", "a.db", "b.db", "-o", "ab.db")
        self.ok("merge", "b.db", "a.db", "-o", "ba.db")
        both = [self.ok("export", name, "--format", "explain").bytes for name in ("ab.db", "ba.db")]
        self.assertEqual(both[0], both[1])
        merged = json.loads(both[0])
        self.assertEqual(sum(len(sequence["runs"]) for sequence in merged["sequences"]), 12)
        self.assertEqual((merged["map"], merged["not_measured"], merged["unexplained"]), ([], 0, []))
        self.assertIn("sound", self.ok("verify", "ab.db").out)
        self.assertNotEqual(self.explain(results="ab.db").json()["map"], [])

    def test_a_damaged_row_is_the_files_fault(self):
        self.explain()
        for table in ("explanations", "maps"):
            with self.subTest(table=table):
                name = self.copy(f"{table}.db", [f"UPDATE {table} SET data = CAST(substr(data, 1, 40) || x'0102' || substr(data, 43) AS BLOB)"])
                self.fails(3, "damaged", "verify", name)
                self.fails(3, "damaged", "show", name)
                self.fails(3, "damaged", "merge", name, "-o", "m.db")

    def test_layers_are_those_of_the_model(self):
        mapped = self.explain("--claims", "map", "--layers", f"2,{LAYER}").json()["map"]
        self.assertEqual([one["layer"] for one in mapped], [2, LAYER])
        self.fails(2, "expected layers from 0 to 9, got 10", "explain", "-m", "tiny.gguf", "--layers", 10, "out.db")

    def test_maps_the_layer_that_makes_the_sinks(self):
        explained = self.explain("--claims", "map").json()
        maps = {one["layer"]: one for one in explained["map"]}
        self.assertEqual(sorted(maps), list(range(LAYER - 3, LAYER + 1)))
        made = maps[LAYER]
        self.assertEqual((made["kind"], made["n_sinks"], made["n_sequences"]), ("secondary", 12, 6))
        self.assertTrue(made["specific"])
        self.assertGreater(made["inputs"]["sink_height_min"], 10 * made["inputs"]["ordinary_height_p99"])
        self.assertLess(max(maps[LAYER - 1]["inputs"]["sink_height_p50"], 0), 1)
        # Its own direction, upwards, is mapped onto the axis at the norm of real inputs.
        self.assertGreater(made["directions"][0]["cos"][8], 0.98)
        self.assertGreater(made["directions"][0]["norm_ratio"][8], 10 * abs(made["directions"][0]["norm_ratio"][1]))
        self.assertTrue(0 < made["path"]["half_at"] < 1)
        claim = next(one for one in explained["claims"] if one["claim"] == "map" and one["kind"] == "secondary")
        self.assertIn(claim["verdict"], ("yes", "unclear"))

    def test_equal_seeds_give_equal_bytes(self):
        first, second = self.copy("first.db"), self.copy("second.db")
        self.assertEqual(self.explain(results=first).bytes, self.explain(results=second).bytes)

    def test_another_model_is_refused(self):
        self.ok("tiny", "--arch", "llama", "--seed", 9, "-o", "other.gguf")
        result = self.run_program("explain", "-m", "other.gguf", "out.db")
        self.assertEqual(result.code, 3)
        self.assertIn("expected the model that it was scanned with", result.err)


class Mlp(harness.ProgramTest):
    def test_maps_rows_one_by_one(self):
        rng = random.Random(2)
        self.ok("tiny", "--arch", "llama", "-o", "tiny.gguf")
        rows = [[rng.gauss(0, 1) for _ in range(64)] for _ in range(3)]
        self.file("all.safetensors", safetensors("inputs", rows))
        self.file("last.safetensors", safetensors("inputs", rows[2:]))
        self.ok("mlp", "-m", "tiny.gguf", "--layer", 3, "--inputs", "all.safetensors", "-o", "all.out")
        self.ok("mlp", "-m", "tiny.gguf", "--layer", 3, "--inputs", "last.safetensors", "-o", "last.out")

        def numbers(name, n):
            data = (self.folder / name).read_bytes()
            return struct.unpack(f"<{n}f", data[-4 * n:])

        for one, other in zip(numbers("all.out", 64), numbers("last.out", 64), strict=True):
            self.assertAlmostEqual(one, other, delta=1e-4)  # rows do not see each other

    def test_refuses_what_it_cannot_use(self):
        self.file("in.safetensors", safetensors("inputs", [[1.0] * 63]))
        result = self.run_program("mlp", "-m", self.tiny, "--layer", 3, "--inputs", "in.safetensors", "-o", "out")
        self.assertIn("expected float32 [n, ", result.err)
        self.file("out", "something")
        result = self.run_program("mlp", "-m", self.tiny, "--layer", 3, "--inputs", "in.safetensors", "-o", "out")
        self.assertIn("is there already", result.err)
        self.assertEqual((self.folder / "out").read_text(), "something")


if __name__ == "__main__":
    harness.main()
