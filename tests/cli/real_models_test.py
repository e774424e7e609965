"""The examples with small real models; SINKSCOPE_MODELS names their folder."""

import os
import pathlib
import sys

import harness

MODELS = pathlib.Path(os.environ.get("SINKSCOPE_MODELS", ""))


class RealModels(harness.ProgramTest):
    def model(self, name):
        path = MODELS / (name + ".gguf")
        if not path.is_file():
            self.skipTest(f"no {name}.gguf in SINKSCOPE_MODELS")
        return path

    def scanned(self, name, *arguments):
        return self.ok("scan", "-m", self.model(name), *arguments, "--json", "-").json()

    def test_the_example_text(self):
        for name, births in (("smollm2", 11), ("gemma3", 3), ("qwen25coder", 2)):
            with self.subTest(name):
                result = self.scanned(name, "-f", harness.EXAMPLES / "mathematics.txt")
                primary = result["sequences"][0]["primary"]
                self.assertEqual((primary["position"], primary["birth_layer"]), (0, births))

    def test_chat_messages_have_one_begin(self):
        for name in ("smollm2", "qwen25coder"):
            with self.subTest(name):
                self.ok("scan", "-m", self.model(name), "-f", harness.EXAMPLES / "chat.json", "--chat", "-o", name + ".db")
                first = self.ok("show", name + ".db").out.split("first tokens", 1)[1].split("\n", 1)[0]
                self.assertEqual(first.count("<|im_start|>"), 1)

    def test_a_model_without_a_template_refuses_chat(self):
        self.fails(4, "chat template", "scan", "-m", self.model("gemma3"), "-p", "Hello", "--chat")

    def test_the_example_corpus(self):
        result = self.scanned("smollm2", "--jsonl", harness.EXAMPLES / "corpus.jsonl", "--field", "solution",
                              "--prompt-field", "problem")
        self.assertEqual(len(result["sequences"]), 12)
        self.assertTrue(all(0 < s["prompt_tokens"] < s["n_tokens"] for s in result["sequences"]))


if __name__ == "__main__":
    if not MODELS.is_dir() or not os.environ.get("SINKSCOPE_MODELS"):
        print("skipped: SINKSCOPE_MODELS names no folder with models")
        sys.exit(77)
    harness.main()
