"""generate: sampled texts, their scan, going on after a kill, refusals."""

import json
import re
import signal
import subprocess
import time

import harness
from levels_test import letters


class Generate(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        # The random model writes all bytes alike, so the sink's byte comes about every hundredth token.
        self.ok("tiny", "--arch", "llama", "--sink", "layer=4,token=#,norm=150", "-o", "model.gguf")
        lines = [json.dumps({"id": f"p{i}", "question": letters(i, 40 + 7 * i)}) for i in range(4)]
        self.problems = self.file("problems.jsonl", "\n".join(lines))

    def generate(self, *arguments, out="gen.jsonl", **more):
        result = self.ok("generate", "-m", "model.gguf", "--jsonl", self.problems, "--field", "question", "-o", out,
                         *arguments, **more)
        return result, [json.loads(line) for line in (self.folder / out).read_text().splitlines()]

    def test_texts_and_the_scan_of_their_tokens(self):
        result, texts = self.generate("-n", 300)
        self.assertEqual([text["id"] for text in texts], ["p0", "p1", "p2", "p3"])
        for i, text in enumerate(texts):
            self.assertEqual((text["schema"], text["line"]), ("sinkscope.generation/1", i + 1))
            self.assertEqual(text["prompt_tokens"], [256, *letters(i, 40 + 7 * i).encode()])
            self.assertEqual(text["sampling"]["seed"], 1 + i)
            self.assertLessEqual(len(text["output_tokens"]), 300)
            self.assertEqual(text["finish"], "length" if len(text["output_tokens"]) == 300 else "stop")
            self.assertNotIn(257, text["output_tokens"])  # the token that ends a text is no part of it
            raw = bytes.fromhex(text["output_bytes"]) if "output_bytes" in text else text["output"].encode()
            tokens = [b"<|bos|>" if token == 256 else bytes([token]) for token in text["output_tokens"]]
            self.assertEqual(raw, b"".join(tokens))
        sequences = self.ok("show", "gen.scan.db", "--json", "-").json()["sequences"]
        self.assertEqual([s["n_tokens"] for s in sequences],
                         [len(t["prompt_tokens"]) + len(t["output_tokens"]) for t in texts])
        self.assertEqual([s["prompt_tokens"] for s in sequences], [len(t["prompt_tokens"]) for t in texts])
        self.assertEqual([s["id"] for s in sequences], ["p0", "p1", "p2", "p3"])
        self.ok("scan", "-q", "-m", "model.gguf", "--jsonl", "gen.jsonl", "--field", "output_tokens", "--prompt-field",
                "prompt_tokens", "-o", "again.db")
        self.assertEqual(self.ok("export", "again.db", "--format", "json").bytes,
                         self.ok("export", "gen.scan.db", "--format", "json").bytes)

        # Every final sink was shown before, with its place and its layers, while its text was written.
        final = {(s["id"], sink["position"], sink["l_start"]) for s in sequences for sink in s["sinks"]
                 if sink["position"] < s["n_tokens"] - 150}
        self.assertTrue(final)
        shown = {(line.split(": ")[1], line) for line in result.err.splitlines() if "provisional" in line}
        for text_id, position, l_start in final:
            self.assertTrue(any(name == text_id and f"' at {position}, layers {l_start} to" in line
                                for name, line in shown), (text_id, position, result.err))
        # What is said when a text ends counts the lines before it.
        for text in texts:
            ends = re.findall(rf"{text['id']}: .* tokens after a prompt .*; (no|\d+) sinks? showed(?:, (\d+) there at its "
                              "end)?", result.err)
            self.assertEqual(len(ends), 1, result.err)
            n_shown = sum(name == text["id"] for name, _ in shown)
            self.assertEqual(ends[0][0], str(n_shown or "no"), result.err)
            self.assertLessEqual(int(ends[0][1] or 0), n_shown)

    def test_sampling(self):
        _, one = self.generate("-n", 50, "--no-scan", "-q")
        self.assertFalse((self.folder / "gen.scan.db").exists())
        _, same = self.generate("-n", 50, "--no-scan", out="same.jsonl")
        self.assertEqual(one, same)
        _, other = self.generate("-n", 50, "--no-scan", "--seed", 2, out="other.jsonl")
        self.assertNotEqual(one[0]["output_tokens"], other[0]["output_tokens"])
        _, likeliest = self.generate("-n", 50, "--no-scan", "--temp", 0, out="greedy.jsonl")
        _, top = self.generate("-n", 50, "--no-scan", "--top-k", 1, "--seed", 9, out="top.jsonl")
        _, nucleus = self.generate("-n", 50, "--no-scan", "--top-p", 0.001, "--top-k", 0, out="nucleus.jsonl")
        for a, b, c in zip(likeliest, top, nucleus, strict=True):
            self.assertEqual(a["output_tokens"], b["output_tokens"])
            self.assertEqual(a["output_tokens"], c["output_tokens"])

    def test_the_context_ends_a_text(self):
        _, texts = self.generate("-n", 500, "-c", 100, "--no-scan")
        self.assertEqual([len(t["prompt_tokens"]) + len(t["output_tokens"]) for t in texts], [100] * 4)

    def test_bad_lines_are_skipped_by_number(self):
        self.problems.write_text('{"question": "one"}\n{broken\n' + json.dumps({"question": "x" * 99}) + "\n")
        result, texts = self.generate("-n", 5, "-c", 99, "--no-scan", code=5)
        self.assertEqual([text["id"] for text in texts], ["problems.jsonl:1"])
        self.assertIn("line 2 of", result.err)
        self.assertIn("line 3 of", result.err)
        self.assertIn("2 lines of the corpus could not be used", result.err)

    def test_killed_or_stopped_it_goes_on(self):
        _, whole = self.generate("-n", 200)
        results = self.ok("export", "gen.scan.db", "--format", "json").bytes
        (self.folder / "cut").mkdir()
        command = self.command("generate", "-m", "model.gguf", "--jsonl", self.problems, "--field", "question", "-n",
                               200, "-o", "cut/gen.jsonl")
        cut = self.folder / "cut" / "gen.jsonl"
        for number, how in enumerate((signal.SIGKILL, signal.SIGINT, signal.SIGKILL)):
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder,
                                       env=self.environment())
            for _ in range(4000):
                if cut.exists() and cut.read_bytes().count(b"\n") > number or running.poll() is not None:
                    break
                time.sleep(0.002)
            running.send_signal(how)
            message = running.communicate()[1].decode()
            if how == signal.SIGINT and running.returncode != 0:
                self.assertEqual(running.returncode, 130, message)
                self.assertRegex(message, r"holds \d of 4 texts: the same command goes on from there")
        with cut.open("ab") as file:
            file.write(b'{"schema": "sinkscope.gener')  # as if the last kill had come within a write
        self.assertIn("texts already there", self.ok(*command[1:]).err)
        self.assertEqual([json.loads(line) for line in cut.read_text().splitlines()], whole)
        self.assertEqual(self.ok("export", "cut/gen.scan.db", "--format", "json").bytes, results)

    def test_what_does_not_belong_together_is_refused_and_left(self):
        self.generate("-n", 20, "--no-scan", "-q")
        before = (self.folder / "gen.jsonl").read_bytes()
        again = ("generate", "-m", "model.gguf", "--jsonl", self.problems, "--field", "question", "-o", "gen.jsonl",
                 "--no-scan", "-n", 20)
        self.fails(7, ["line 1 was generated otherwise", "temperature 0.8", "temperature 0.5"], *again, "--temp", "0.5")
        self.fails(7, ["at most 30 tokens, got", "at most 20 tokens;"], *again[:-1], 30)
        other = self.folder / "other.gguf"
        subprocess.run([harness.MAKE_TINY, "llama", other, "7"], check=True)
        self.fails(7, "line 1 was generated otherwise", *again[:2], other, *again[3:])
        self.problems.write_text('{"question": "another"}\n')
        self.fails(7, "", *again)
        text = self.file("text.txt", "a text of somebody's")
        self.fails(7, "expected a file of generated texts", *again[:8], text, *again[9:])
        self.assertEqual(text.read_text(), "a text of somebody's")
        self.assertEqual((self.folder / "gen.jsonl").read_bytes(), before)
        self.fails(2, "leaves out", *again, "--scan", "x.db")
        self.fails(2, "a file of its own for each output", *again[:9], "--scan", "gen.jsonl")
        self.fails(2, "top-p", *again, "--top-p", "0")
        self.fails(4, "template", *again, "--chat")
        self.fails(2, "nothing to read", "generate", "-m", "model.gguf", "-o", "x.jsonl")


    def test_a_text_too_short_to_be_judged_is_exit_code_5(self):
        short = ("-m", "model.gguf", "-p", "Some words", "-n", 5)
        result = self.ok("generate", *short, "-o", "a.jsonl", code=5)
        self.assertIn("1 of 1 text is too short to be judged", result.err)
        self.ok("generate", *short, "-o", "b.jsonl", "--no-scan")

    def test_results_of_other_texts_are_refused_before_anything_is_sampled(self):
        self.ok("scan", "-q", "-m", "model.gguf", "--jsonl", self.problems, "--field", "question", "-o", "other.scan.db", code=5)
        before = (self.folder / "other.scan.db").read_bytes()
        command = ("generate", "-m", "model.gguf", "-p", "Some words", "-n", 5, "-o")
        expected = ["'other.scan.db' is there already and holds other texts than those of", "such as p0 of", "--scan"]
        for more in (["other.jsonl"], ["fresh.jsonl", "--scan", "other.scan.db"]):
            self.fails(7, expected, *command, *more)
            self.assertFalse((self.folder / more[0]).exists())
        # Texts that are there do not make them those of the results.
        self.ok(*command, "other.jsonl", "--no-scan")
        self.fails(7, expected, *command, "other.jsonl")
        self.assertEqual((self.folder / "other.scan.db").read_bytes(), before)
        # Nor does another model's file wait until the end.
        other = self.folder / "other.gguf"
        subprocess.run([harness.MAKE_TINY, "llama", other, "7"], check=True)
        self.ok("scan", "-q", "-m", other, "-p", letters(1, 200), "-o", "its.scan.db")
        result = self.fails(3, ["its.scan.db", "another model"], *command, "its.jsonl")
        self.assertNotIn("tokens after a prompt", result.err)
        self.fails(3, "notes.db", *command, "its.jsonl", "--scan", self.file("notes.db", "some notes"))
        self.assertFalse((self.folder / "its.jsonl").exists())
        # Its own are gone on with.
        self.ok(*command, "own.jsonl", code=5)
        self.ok(*command, "own.jsonl", code=5)


if __name__ == "__main__":
    harness.main()
