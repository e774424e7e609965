"""ablate on Gemma 3 270M beside transformers; SINKSCOPE_MODELS names the models' folder."""

import json
import os
import pathlib

import harness

MODELS = pathlib.Path(os.environ.get("SINKSCOPE_MODELS", ""))
REFERENCE = harness.ROOT / "tests" / "data" / "ablate" / "gemma3.json"
LOGS = ("log_a", "own_logit", "competition", "other_keys", "log_odds")


class AblateGemma(harness.ProgramTest):
    def test_figures_are_those_of_transformers(self):
        model = MODELS / "gemma3.gguf"
        if not model.is_file():
            self.skipTest("no gemma3.gguf in SINKSCOPE_MODELS")
        reference = json.loads(REFERENCE.read_text())
        n_draws = 1  # each takes as long as the sinks
        sinks = reference["sinks"]
        sinks["sequences"][0]["placebo"] = sinks["sequences"][0]["placebo"][:n_draws]
        exact = ("-m", model, "--precision", "f32", "--cache-type-k", "f32")
        self.ok("scan", "-q", *exact, "--tokens", self.file("tokens.json", json.dumps(reference["tokens"])), "-o", "out.db")
        wanted = ("knockout", "evict:1", "unwrite")
        how = [argument for edit in wanted for argument in ("--how", edit)]
        ablated = self.ok("ablate", "-q", *exact, "--sinks", self.file("sinks.json", json.dumps(sinks)), *how, "out.db",
                          "--min-far-z", 0, "--json", "-").json()  # the peer's rule asks for far boost alone
        expected = {edit["how"]: edit for edit in reference["edits"]}
        for edit in ablated["edits"]:
            peer, sequence = expected[edit["how"]], edit["sequences"][0]
            self.assertEqual(sequence["edited"]["new_sinks"], peer["new_sinks"])
            n_blocks = 0
            for block, of_peer in zip(sequence["blocks"], peer["blocks"], strict=True):
                where = f"{edit['how']}, block {block['block']}"
                self.assertEqual(block["queries"], of_peer["queries"], where)
                if "base" not in of_peer:
                    self.assertIsNone(block["removed"], where)
                    continue
                n_blocks += 1
                self.near(block["base"], of_peer["base"], where + ", base")
                self.near(block["removed"], of_peer["removed"], where)
                for draw, of_draw in zip(block["placebo"], of_peer["placebo"]):
                    self.near(draw, of_draw, where + ", placebo")
            self.assertGreater(n_blocks, 10)
            tokens, of_peer = sequence["tokens"], peer["tokens"]
            pairs = [(tokens["removed"], of_peer["removed"]), (tokens["placebo"][0], of_peer["placebo"][0])]
            for ours, theirs in pairs:
                self.assertEqual(ours["n"], theirs["n"])
                self.assertAlmostEqual(ours["loss"], theirs["loss"], delta=0.002)
                self.assertAlmostEqual(ours["kl"], theirs["kl"], delta=max(0.0003, 0.05 * theirs["kl"]))
            self.assertAlmostEqual(tokens["removed"]["loss_base"], of_peer["removed"]["loss_base"], delta=0.002)
            counts = [at["n"] for at in tokens["removed"]["by_distance"]]
            self.assertEqual(counts, [at["n"] for at in of_peer["removed"]["by_distance"]])

    def near(self, ours, theirs, where):
        """Scores within 3 % or 0.001, terms in nats within 0.01: the models' sums are rounded in other orders."""
        for name, value in theirs.items():
            tolerance = 0.01 if name in (*LOGS, "logit", "log_z") else max(0.001, 0.03 * abs(value))
            self.assertAlmostEqual(ours[name], value, delta=tolerance, msg=f"{where}, {name}")


if __name__ == "__main__":
    harness.main()
