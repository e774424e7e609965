"""A real model of 1.1 GB, which only `./dev test --models large` downloads; SINKSCOPE_LARGE_MODELS names its folder."""

import os
import pathlib
import sys

import harness

MODEL = pathlib.Path(os.environ.get("SINKSCOPE_LARGE_MODELS", "")) / "qwen25coder-1.5b.gguf"


class LargeModels(harness.ProgramTest):
    def test_a_task_makes_its_line_break_a_secondary_sink(self):
        example = (harness.EXAMPLES / "triangle.txt").read_text().split("\n", 1)[1][:3000]
        text = self.folder / "task.txt"
        text.write_text("You are given a math problem.\n\nProblem: " + example)
        sequence = self.ok("scan", "-m", MODEL, "-f", text, "--json", "-").json()["sequences"][0]
        self.assertEqual((sequence["primary"]["position"], sequence["primary"]["birth_layer"]), (0, 1))
        self.assertEqual([(sink["position"], sink["text"], sink["kind"], sink["l_start"]) for sink in sequence["sinks"]],
                         [(6, ".\n\n", "secondary", 4)])
        self.assertTrue(18 <= sequence["sinks"][0]["l_end"] <= 21, sequence["sinks"])
        self.assertTrue(7 <= sequence["sinks"][0]["far_boost_median"] <= 15, sequence["sinks"])


if __name__ == "__main__":
    if not MODEL.is_file():
        print(f"skipped: no {MODEL.name} in SINKSCOPE_LARGE_MODELS; ./dev test --models large downloads it")
        sys.exit(77)
    harness.main()
