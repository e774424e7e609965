"""Scans of a tiny model: every kind of input, resuming, interruption."""

import json
import re
import shlex
import signal
import subprocess
import time

import harness
from harness import TEXT


class Inputs(harness.ProgramTest):
    def sequences(self, *arguments, **more):
        return self.scan(*arguments, "--json", "-", **more).json()["sequences"]

    def lengths(self, *arguments, **more):
        return [sequence["n_tokens"] for sequence in self.sequences(*arguments, **more)]

    def test_one_text_prints_a_report(self):
        result = self.scan("-f", self.file("a.txt", TEXT))
        self.assertIn("primary", result.out)
        self.assertRegex(result.out, r"\d+ tokens in \d+\.\d s, peak memory \d+ MiB")
        self.assertEqual(result.err, "")

    def test_the_next_step_is_said_as_a_command_that_works(self):
        result = self.scan("-f", self.file("a.txt", TEXT), "-o", self.folder / "it's mine.scan.db")
        words = shlex.split(re.search(r"kept in .*; as a page to explore: (sinkscope report .*)", result.out)[1])
        self.ok(*words[1:])
        self.assertTrue((self.folder / "it's mine.html").is_file())

    def test_json_on_standard_output_is_all_there_is(self):
        result = self.scan("-f", self.file("a.txt", TEXT), "--json", "-")
        self.assertEqual(result.json()["schema"], "sinkscope.scan/4")
        self.assertEqual(result.err, "")

    def test_file_standard_input_and_argument_are_the_same_text(self):
        path = self.file("a.txt", TEXT)
        self.assertEqual(self.lengths("-f", path), [len(TEXT) + 1])
        self.assertEqual(self.lengths("-f", "-", stdin=TEXT.encode()), [len(TEXT) + 1])
        self.assertEqual(self.lengths("-p", TEXT), [len(TEXT) + 1])
        self.assertEqual(self.lengths("-f", path, "-f", self.file("b.txt", "Another.")), [len(TEXT) + 1, 9])

    def test_bytes_that_are_no_utf8_are_tokens(self):
        self.assertEqual(self.lengths("-f", self.file("a.txt", b"ab\xff\xc3(\x00z"), code=5), [8])

    def test_bos_is_never_doubled(self):
        tokens = self.file("t.json", json.dumps({"tokens": [256, *TEXT.encode()]}))
        bare = self.file("bare.json", json.dumps(list(TEXT.encode())))
        n = len(TEXT)
        self.assertEqual(self.lengths("--tokens", tokens), [n + 1])
        self.assertEqual(self.lengths("--tokens", tokens, "--bos", "on"), [n + 1])
        self.assertEqual(self.lengths("--tokens", bare), [n])
        self.assertEqual(self.lengths("--tokens", bare, "--bos", "on"), [n + 1])
        self.assertEqual(self.lengths("-p", TEXT, "--bos", "off"), [n])

    def test_token_ids_out_of_range(self):
        tokens = self.file("t.json", "[1, 2, 258]")
        self.fails(3, "token id 258 at index 2 is out of range: expected 0 to 257", "scan", "-m", self.tiny, "--tokens",
                   tokens)

    def test_too_long_a_text_says_what_fits(self):
        long = self.file("a.txt", "x" * 3000)
        self.fails(3, ["3001 tokens", "holds 2048", "-c 3001", "--chunk 2047"], "scan", "-m", self.tiny, "-f", long)
        self.fails(3, ["3000 bytes", "100 tokens hold 700 at most", "--chunk 99"], "scan", "-m", self.tiny, "-f", long, "-c", "100")
        self.assertEqual(self.lengths("-f", long, "--chunk", "2047"), [2048, 954])
        self.assertEqual(self.lengths("-f", long, "-c", "3001"), [3001])

    def test_a_chat_template_of_ones_own(self):
        template = self.file("t.jinja", "{% for m in messages %}[{{ m.role }}] {{ m.content }}!{% endfor %}")
        self.assertEqual(self.lengths("-p", "Hello", "--chat", "--chat-template", template, code=5),
                         [1 + len("[user] Hello!")])
        self.fails(3, ["--chat-template 'none.jinja'", "expected a Jinja template"], "scan", "-m", self.tiny, "-p", "Hello",
                   "--chat", "--chat-template", "none.jinja")
        self.fails(2, "--chat", "scan", "-m", self.tiny, "-p", "Hello", "--chat-template", template)

    def test_a_message_before_continue_is_there_and_said(self):
        template = self.file("t.jinja", "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content }}]{% continue %}"
                                        "{% endif %}{{ m.content }}{% endfor %}")
        chats = self.file("c.jsonl", "".join(json.dumps({"messages": [{"role": role, "content": TEXT[:80]}]}) + "\n"
                                             for role in ("user", "assistant")))
        out = self.ok("scan", "-m", self.tiny, "--jsonl", chats, "--chat", "--chat-template", template, "-o", "r.db",
                      "--json", "out.json", code=5).out
        said = "chat template: 1 of 2 conversations are rendered as Python's Jinja renders them"
        got = json.loads((self.folder / "out.json").read_text())
        self.assertEqual([s["n_tokens"] for s in got["sequences"]], [1 + 82, 1 + 80])
        self.assertEqual([note.startswith(said) for note in got["model"]["notes"]], [True])
        self.assertIn("note: " + said[:50], out)
        self.assertEqual(self.ok("show", "r.db", "--json", "-").json()["model"]["notes"], got["model"]["notes"])

    def test_chat_without_a_template_is_refused(self):
        self.fails(4, "template", "scan", "-m", self.tiny, "-p", "Hello", "--chat")

    def test_packs_and_single_documents_agree(self):
        lines = [json.dumps({"text": f"Exercise {i}. " + TEXT[i:i + 200 + i]}) for i in range(7)]
        corpus = self.file("c.jsonl", "\n".join(lines))
        alone, packed = (self.sequences("--jsonl", corpus, "-ub", "1024", "-np", n) for n in ("1", "4"))
        for a, b in zip(alone, packed, strict=True):
            self.assertEqual((a["n_tokens"], a["counts"]), (b["n_tokens"], b["counts"]))


class Corpora(harness.ProgramTest):
    def corpus(self, n=6):
        return [json.dumps({"id": f"d{i}", "q": "What is it? ", "a": f"{i}: " + TEXT[i:]}) for i in range(n)]

    def test_prompts_are_counted_apart(self):
        path = self.file("c.jsonl", "\n".join(self.corpus(2)))
        for sequence in self.scan("--jsonl", path, "--field", "a", "--prompt-field", "q", "--json", "-").json()["sequences"]:
            self.assertEqual(sequence["prompt_tokens"], 1 + len("What is it? "))

    def test_bad_lines_are_skipped_by_number(self):
        lines = self.corpus(3)
        lines[1:1] = ["{broken", '{"q": "no text"}', '{"a": [1, 999]}', "", "[" * 5000]
        path = self.file("c.jsonl", "\n".join(lines))
        result = self.scan("--jsonl", path, "--field", "a", "-o", "out.db", code=5)
        for number in (2, 3, 4, 6):
            self.assertIn(f"line {number} of", result.err)
        self.assertNotIn("line 5 of", result.err)
        self.assertIn("4 lines", result.err)
        self.assertEqual(len(self.ok("show", "out.db", "--json", "-").json()["sequences"]), 3)

    def test_a_corpus_without_a_usable_line(self):
        path = self.file("c.jsonl", "nothing\nat all\n")
        self.fails(3, "no document", "scan", "-m", self.tiny, "--jsonl", path)

    def test_a_corpus_from_a_pipe(self):
        result = self.scan("--jsonl", "-", "--field", "a", "--json", "-", stdin="\n".join(self.corpus()).encode())
        self.assertEqual(len(result.json()["sequences"]), 6)


class Resuming(harness.ProgramTest):
    def test_the_same_scan_again_does_nothing(self):
        text = self.file("a.txt", TEXT)
        self.scan("-f", text, "-o", "out.db")
        first = self.ok("export", "out.db", "--format", "json").bytes
        self.assertIn("1 of 1 documents already there", self.scan("-f", text, "-o", "out.db").err)
        self.assertEqual(self.ok("export", "out.db", "--format", "json").bytes, first)

    def test_a_text_that_the_input_holds_twice_was_not_there_before(self):
        text, other = self.file("a.txt", TEXT), self.file("b.txt", TEXT[::-1])
        twice = ("-f", text, "-f", text, "-f", other)
        for arguments in (twice, (*twice, "-o", "out.db")):
            said = self.scan(*arguments).err
            self.assertIn("1 of 3 documents repeats an earlier one of the input", said)
            self.assertNotIn("already there", said)
        again = self.scan(*twice, "-o", "out.db").err
        self.assertIn("2 of 3 documents already there", again)
        self.assertIn("1 of 3 documents repeats an earlier one", again)
        sequences = self.ok("export", "out.db", "--format", "json").json()["sequences"]
        self.assertEqual([len(sequence["origins"]) for sequence in sequences], [1, 1])

    def test_another_model_or_option_is_refused_and_nothing_lost(self):
        text = self.file("a.txt", TEXT)
        self.scan("-f", text, "-o", "out.db")
        first = self.ok("export", "out.db", "--format", "json").bytes
        other = self.folder / "other.gguf"
        subprocess.run([harness.MAKE_TINY, "llama", other, "7"], check=True)
        self.fails(3, "out.db", "scan", "-m", other, "-f", text, "-o", "out.db")
        self.fails(3, "out.db", "scan", "-m", self.tiny, "-f", text, "-o", "out.db", "-ub", "256")
        self.fails(3, "out.db", "scan", "-m", self.tiny, "-f", text, "-o", "out.db", "--min-distance", "32")
        self.assertEqual(self.ok("export", "out.db", "--format", "json").bytes, first)

    def test_a_file_that_is_no_results_file_stays(self):
        text, notes = self.file("a.txt", TEXT), self.file("notes.txt", TEXT)
        self.fails(7, "notes.txt", "scan", "-m", self.tiny, "-f", text, "-o", notes)
        self.assertEqual(notes.read_text(), TEXT)

    def test_interrupted_then_resumed_equals_undisturbed(self):
        lines = [json.dumps({"text": f"{i} " + TEXT[i:]}) for i in range(24)]
        corpus = self.file("c.jsonl", "\n".join(lines))
        whole = self.scan("--jsonl", corpus, "-o", "whole.db", "--json", "-").bytes
        command = self.command("scan", "-m", self.tiny, "--jsonl", corpus, "-o", "cut.db", "--json", "cut.json")
        running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=self.folder,
                                   env=self.environment())
        for _ in range(2000):
            if (self.folder / "cut.db").exists():
                break
            time.sleep(0.005)
        time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        message = running.communicate()[1].decode()
        self.assertEqual(running.returncode, 130, message)
        self.assertRegex(message, r"stopped; 'cut.db' holds \d+ of 24 documents: the same command goes on from there")
        self.assertFalse((self.folder / "cut.json").exists())
        self.ok("verify", "cut.db")
        self.ok(*command[1:])
        self.assertEqual((self.folder / "cut.json").read_bytes(), whole)


if __name__ == "__main__":
    harness.main()
