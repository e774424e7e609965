"""plant, tiny and validate: the commands, what they print, the errors."""

import json
import random
import unittest

import harness


def letters(seed, length):
    """Letters at random; a q about every fortieth."""
    rng = random.Random(seed)
    return "".join("q" if rng.random() < 1 / 40 else rng.choice("abcdefghijklmnoprstuvwxyz ,.ABCDEFGH") for _ in range(length))


class Planting(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--primary-layer", 2, "-o", "source.gguf")
        self.calibration = [piece for i in range(2) for piece in ("-f", self.file(f"c{i}.txt", letters(i, 600)))]
        self.text = self.file("text.txt", letters(9, 600))

    def plant(self, *arguments, **more):
        return self.ok("plant", "-q", "-t", 1, "-m", "source.gguf", *self.calibration, *arguments, **more)

    def test_what_is_planted_is_found(self):
        done = self.plant("--sink", "layer=5,token=q,norm=150", "-o", "planted.gguf")
        self.assertRegex(done.out, r"(?m)^ +q +5 +\d+ +150 ")
        truth = json.loads((self.folder / "planted.truth.json").read_text())
        self.assertEqual(truth["schema"], "sinkscope.truth/1")
        self.assertEqual(truth["primary"], {"position": 0, "birth_layer": 2})
        self.assertAlmostEqual(truth["sinks"][0]["norm_measured"]["median"], 150, delta=20)

        done = self.ok("validate", "-t", 1, "-m", "planted.gguf", "-f", self.text, "--base", "source.gguf",
                       "--min-primary-fall", 0.33)
        self.assertIn("recall 1.000", done.out)
        self.assertIn("precision 1.000", done.out)
        scores = self.ok("validate", "-q", "-t", 1, "-m", "planted.gguf", "-f", self.text, "--json", "-").json()
        self.assertEqual(scores["schema"], "sinkscope.validation/1")
        self.assertEqual(scores["all"]["recall"], 1.0)
        self.assertIsNone(scores["primary"])

        scan = self.ok("scan", "-q", "-t", 1, "-m", "planted.gguf", "-f", self.text, "--json", "-").json()
        found = [s for s in scan["sequences"][0]["sinks"] if s["kind"] == "secondary"]
        self.assertGreater(len(found), 3)
        self.assertEqual({(s["text"], s["l_start"]) for s in found}, {("q", 5)})

    def test_a_missed_floor_is_exit_code_6(self):
        self.plant("--sink", "layer=5,token=q,norm=150", "--direction", "opposite", "-o", "planted.gguf")
        done = self.ok("validate", "-q", "-t", 1, "-m", "planted.gguf", "-f", self.text, code=6)
        self.assertIn("floor missed: recall", done.err)

    def test_no_sinks_change_no_byte(self):
        self.ok("plant", "-q", "-t", 1, "-m", "source.gguf", "-o", "same.gguf")
        self.assertEqual((self.folder / "source.gguf").read_bytes(), (self.folder / "same.gguf").read_bytes())

    def test_a_ladder_of_norms(self):
        out = self.plant("--sink", "layer=5,token=q", "--sink", "layer=5,token=e", "--norms", "100:400:2", "-o",
                         "planted.gguf", "--json", "-").json()
        self.assertEqual([round(s["norm"]) for s in out["sinks"]], [100, 400])

    def test_refusals(self):
        def refused(code, expected, *sink, model="source.gguf"):
            self.fails(code, expected, "plant", "-q", "-t", 1, "-m", model, *self.calibration, *sink, "-o", "x.gguf")
            self.assertFalse((self.folder / "x.gguf").exists())

        refused(2, "layer=14", "--sink", "token=q,norm=3")
        refused(2, "expected one token of the model", "--sink", "layer=5,token=qq,norm=3")
        refused(2, "by --norms", "--sink", "layer=5,token=q")
        refused(2, "as many norms as sinks", "--sink", "layer=5,token=q", "--norms", "1:2:3")
        refused(3, "at least 5 places", "--sink", "layer=5,token=Z,norm=150")
        refused(3, "primary's birth", "--sink", "layer=1,token=q,norm=150")
        refused(3, "no such file", "--sink", "layer=5,token=q,norm=150", "--direction", "sideways")
        refused(4, "experts", "--sink", "layer=5,token=q,norm=150", model=self.made("qwen3moe"))
        refused(3, "at most", "--sink", "layer=5,token=q,norm=5000", model=self.made("gemma3"))
        self.fails(7, "no/x.gguf", "plant", "-m", "source.gguf", "-o", "no/x.gguf")

    def made(self, arch):
        self.ok("tiny", "--arch", arch, "--primary-layer", 2, "-o", f"{arch}.gguf")
        return f"{arch}.gguf"

    def test_truth_of_another_model(self):
        self.plant("--sink", "layer=5,token=q,norm=150", "-o", "planted.gguf")
        self.ok("tiny", "--arch", "qwen2", "-o", "other.gguf")
        self.fails(3, "belongs to the model", "validate", "-t", 1, "-m", "other.gguf", "--truth", "planted.truth.json",
                   "-f", self.text)
        self.fails(3, "planted.truth.jso", "validate", "-t", 1, "-m", "planted.gguf", "--truth", "planted.truth.jso",
                   "-f", self.text)


class Tiny(harness.ProgramTest):
    def test_every_family_is_made_and_scanned(self):
        text = self.file("text.txt", letters(5, 400))
        for arch in ("llama", "qwen2", "qwen3", "qwen3moe", "phi3", "gpt-oss", "gemma3", "deepseek2", "olmo2", "glm4",
                     "phi2"):
            self.ok("tiny", "--arch", arch, "--sink", "layer=4,token=q,norm=150", "-o", "t.gguf")
            scan = self.ok("scan", "-q", "-t", 1, "-m", "t.gguf", "-f", text, "--json", "-").json()
            self.assertEqual(scan["model"]["arch"], arch)
            sequence = scan["sequences"][0]
            self.assertEqual(sequence["primary"]["position"], 0, arch)
            kinds = {(s["text"], s["kind"], s["l_start"]) for s in sequence["sinks"]}
            self.assertEqual(kinds, {("q", "secondary", 4)}, arch)

    def test_refusals(self):
        self.fails(2, ["llama, qwen2, qwen3", "got 'gpt2'"], "tiny", "--arch", "gpt2", "-o", "t.gguf")
        self.fails(2, "--width to be a multiple", "tiny", "--arch", "llama", "--width", 66, "-o", "t.gguf")
        self.fails(2, "one byte", "tiny", "--arch", "llama", "--sink", "layer=4,token=ab,norm=3", "-o", "t.gguf")
        self.fails(7, "t.gguf", "tiny", "--arch", "llama", "-o", "no/t.gguf")


if __name__ == "__main__":
    unittest.main(verbosity=1)
