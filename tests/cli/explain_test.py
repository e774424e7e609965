"""explain and mlp: tiny models whose sinks are made by a known MLP, and a layer's MLP as a map."""

import json
import random
import struct

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

    def test_equal_seeds_give_equal_bytes(self):
        command = ("explain", "-q", "-m", "tiny.gguf", "--edit-sinks", 1, "out.db", "--json", "-")
        self.assertEqual(self.ok(*command).bytes, self.ok(*command).bytes)

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
