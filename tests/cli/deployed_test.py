"""Caches, RoPE, metadata and adapters as they are deployed: recorded, compared, never mixed."""

import json
import random
import struct

import gguf_files
import harness

LAYER = 4
LETTERS = random.Random(1).choices("abcdefghijklmnop ", k=330)
LETTERS[60] = LETTERS[130] = "#"
LETTERS = "".join(LETTERS)


def adapter(rank=2, size=128):
    """A LoRA adapter of one matrix of the tiny model, written byte by byte."""
    values = [struct.pack(f"<{rank * size}f", *((i * step % 7 - 3) * 0.02 for i in range(rank * size))) for step in (1, 3)]
    keys = {"general.type": gguf_files.string("adapter"), "general.architecture": gguf_files.string("llama"),
            "adapter.type": gguf_files.string("lora"), "adapter.lora.alpha": struct.pack("<If", 6, 4.0)}
    infos = [("blk.1.attn_output.weight.lora_a", (size, rank)), ("blk.1.attn_output.weight.lora_b", (rank, size))]
    data = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys))
    data += b"".join(gguf_files.text(name) + value for name, value in keys.items())
    for i, (name, dims) in enumerate(infos):
        data += gguf_files.text(name) + struct.pack("<IQQIQ", 2, *dims, 0, i * len(gguf_files.padded(values[0])))
    return gguf_files.padded(data) + b"".join(map(gguf_files.padded, values))


class Deployed(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--layers", 8, "--width", 128, "--sink", f"layer={LAYER},token='#',norm=150", "-o",
                "tiny.gguf")

    def scanned(self, *options):
        return self.ok("scan", "-q", "-m", "tiny.gguf", "--precision", "f32", "-p", LETTERS, "--json", "-", *options).json()

    def measurement(self, *options):
        return self.scanned(*options)["options"]["measurement"]

    def test_settings_are_recorded_where_they_are_asked_for(self):
        plain = self.measurement()
        self.assertEqual((plain["cache_type_k"], plain["cache_type_v"], plain["cache_rotation"]), ("f16", "f16", True))
        self.assertNotIn("rope_scaling", plain)
        self.assertNotIn("lora", plain)
        exact = self.measurement("--cache-type-k", "f32")
        self.assertEqual((exact["cache_type_k"], exact["cache_type_v"]), ("f32", "f32"))
        half = self.measurement("-ctk", "f32", "-ctv", "f16")
        self.assertEqual((half["cache_type_k"], half["cache_type_v"]), ("f32", "f16"))
        self.file("a.gguf", adapter())
        asked = self.measurement("--rope-scaling", "yarn", "--rope-scale", 4, "--yarn-orig-ctx", 256, "--override-kv",
                                 "llama.expert_count=int:0", "--lora", "a.gguf:0.5")
        self.assertEqual(asked["rope_scaling"], "yarn")
        self.assertEqual(asked["rope_freq_scale"], 0.25)
        self.assertEqual(asked["yarn_orig_ctx"], 256)
        self.assertEqual(asked["override_kv"], ["llama.expert_count=int:0"])
        self.assertEqual([one["scale"] for one in asked["lora"]], [0.5])
        self.assertRegex(asked["lora"][0]["sha256"], "^[0-9a-f]{64}$")

    def test_a_cache_of_few_bits_changes_figures_and_diff_says_so(self):
        scores = {}
        for kind in ("f32", "q8_0", "q4_0"):
            found = self.scanned("-ctk", kind, "-ctv", kind, "-o", f"{kind}.db")
            scores[kind] = found["sequences"][0]["sinks"][0]["far_boost_median"]
        self.assertNotEqual(scores["f32"], scores["q8_0"])
        self.assertLess(abs(scores["q8_0"] - scores["f32"]), abs(scores["q4_0"] - scores["f32"]))
        compared = self.ok("diff", "f32.db", "q4_0.db", "--json", "-").json()
        self.assertIn({"name": "cache_type_k", "before": "f32", "after": "q4_0"}, compared["options"])
#Neither resumed nor merged with each other.
        self.fails(3, ["cache_type_k", "q4_0", "q8_0"], "scan", "-q", "-m", "tiny.gguf", "--precision", "f32", "-p", LETTERS,
                   "-ctk", "q4_0", "-ctv", "q4_0", "-o", "q8_0.db")
        self.fails(3, "cache_type_k", "merge", "q8_0.db", "q4_0.db", "-o", "both.db")

    def test_ablate_and_explain_run_as_the_texts_were_scanned(self):
        self.scanned("-ctk", "q8_0", "-ctv", "q8_0", "--rope-freq-base", 5000, "-o", "out.db")
        again = ("-q", "-m", "tiny.gguf", "--precision", "f32", "out.db", "--json", "-")
#Its own figures of the unedited run are the scan's: one text, cut alike.
        effects = self.ok("ablate", "--draws", 2, "--no-loss", *again).json()
        self.assertGreater(len(effects["edits"][0]["sequences"]), 0)
        self.ok("explain", *again)
        self.fails(3, ["--cache-type-k q8_0", "got f16"], "ablate", "-ctk", "f16", *again)
        self.fails(3, ["--cache-type-v q8_0", "got f32"], "explain", "-ctv", "f32", *again)

    def test_adapters_are_known_by_their_content(self):
        self.file("a.gguf", adapter())
        self.file("b.gguf", adapter(rank=4))
        plain, adapted = self.scanned(), self.scanned("--lora", "a.gguf", "-o", "out.db")
        self.assertNotEqual(plain["sequences"][0]["sinks"][0]["far_boost_median"], adapted["sequences"][0]["sinks"][0]["far_boost_median"])
        self.assertNotEqual(adapted["options"]["measurement"]["lora"],
                            self.measurement("--lora", "b.gguf")["lora"])
        again = ("-q", "-m", "tiny.gguf", "--precision", "f32", "--draws", 2, "--no-loss", "out.db")
        self.file("elsewhere.gguf", adapter())
        self.ok("ablate", "--lora", "elsewhere.gguf", *again)
        for wrong in ((), ("--lora", "b.gguf"), ("--lora", "a.gguf:2")):
            self.fails(3, "expected the LoRA adapters with which it was scanned", "ablate", *wrong, *again)
        self.fails(3, "expected a scan without LoRA adapters", "explain", "-m", "tiny.gguf", "out.db")

    def test_what_cannot_be_is_refused_in_a_line(self):
        scan = ("scan", "-m", "tiny.gguf", "-p", LETTERS)
        self.fails(2, ["-ctk", "q3_x"], *scan, "--cache-type-k", "q3_x")
        self.fails(2, "expected KEY=TYPE:VALUE", *scan, "--override-kv", "llama.context_length")
        self.fails(2, "expected type int, as the model's file has it, got float", *scan, "--override-kv",
                   "llama.context_length=float:3")
        self.fails(2, "expected a LoRA adapter, got another GGUF file", *scan, "--lora", "tiny.gguf")
        self.fails(4, "none.gguf", *scan, "--lora", "none.gguf")
        self.fails(2, "--rope-scale", *scan, "--rope-scale", 2, "--rope-freq-scale", 2)
#Heads of 16 are no whole blocks of 32.
        self.fails(4, "q4_0", "scan", "-m", self.tiny, "-p", LETTERS, "-ctk", "q4_0")

    def test_generate_goes_on_with_texts_of_the_same_settings_only(self):
        more = ("-m", "tiny.gguf", "-p", "abc", "--special", "-o", "texts.jsonl", "-q", "--no-scan")
        self.ok("generate", "-n", 3, "-ctk", "q8_0", "-ctv", "q8_0", *more)
        line = json.loads((self.folder / "texts.jsonl").read_text())
        self.assertEqual(line["deployment"], 'cache_type_k="q8_0", cache_type_v="q8_0"')
        self.fails(7, ['cache_type_k="q8_0"'], "generate", "-n", 3, *more)


if __name__ == "__main__":
    harness.main()
