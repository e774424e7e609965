"""sinkscope bench: what it prints and writes, not how fast anything is."""

import json

import harness


class Bench(harness.ProgramTest):
    def test_table_and_json(self):
        where = self.folder / "bench.json"
        run = self.ok("bench", "-m", self.tiny, "-n", "40,70", "--repeat", "2", "--json", where)
        self.assertRegex(run.out, r"oneDNN's products on this machine: f32 (none|\d+ GFLOP/s)")
        self.assertRegex(run.out, r"(?m)^ +40  native +forward ")
        self.assertRegex(run.out, r"(?m)^ +70  \S+ +scan +\d+ ")
        report = json.loads(where.read_text())
        self.assertEqual(report["schema"], "sinkscope.device-bench/1")
        self.assertEqual({row["n_tokens"] for row in report["runs"]}, {40, 70})
        for row in report["runs"]:
            self.assertEqual(len(row["ms"]), 2)
            self.assertEqual(row["best_ms"], min(row["ms"]))
            parts = sum(row[part] for part in ("unpacking_ms", "products_ms", "attention_ms", "rest_ms", "elsewhere_ms"))
            self.assertAlmostEqual(parts, row["best_ms"], delta=0.01 * row["best_ms"])
            if row["precision"] == "native":
                self.assertEqual(row["products_ms"], 0)

    def test_json_alone(self):
        run = self.ok("bench", "-m", self.tiny, "-n", "33", "--repeat", "1", "--no-native", "--json", "-")
        self.assertEqual(json.loads(run.out)["schema"], "sinkscope.device-bench/1")

    def test_what_it_refuses(self):
        self.fails(2, "expected a whole number from 1", "bench", "-m", self.tiny, "-n", "0")
        self.fails(4, "cannot read model", "bench", "-m", "missing.gguf")


if __name__ == "__main__":
    harness.main()
