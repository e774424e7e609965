"""The command line itself: help, options, errors that need no model."""

import re
import subprocess

import harness
from harness import TEXT

VERBS = ("scan", "show", "export", "report", "open", "plot", "verify", "models", "probe-points", "plant", "validate", "tiny", "bench", "completion")


class Help(harness.ProgramTest):
    def test_no_arguments_show_the_verbs(self):
        out = self.ok().out
        for verb in VERBS:
            self.assertRegex(out, rf"(?m)^  {verb} ")

    def test_every_verb_explains_itself_with_examples_in_100_columns(self):
        for verb in VERBS:
            out = self.ok(verb, "--help").out
            self.assertIn(f"Usage: sinkscope {verb}", out)
            self.assertIn("Examples:\n  ", out)
            before_examples = out[:out.index("Examples:")]
            self.assertLessEqual(max(len(line) for line in before_examples.split("\n")), 100)

    def test_the_rule_in_detail_has_a_help_of_its_own(self):
        for verb in ("scan", "show", "levels", "validate"):
            short, rule = self.ok(verb, "--help").out, self.ok(verb, "--help-all").out
            self.assertIn("--min-alignment", short)
            self.assertIn("--help-all", short)
            self.assertNotIn("--birth-cosine", short)
            self.assertIn("--birth-cosine", rule)
            self.assertNotIn("--min-alignment", rule)
            self.assertLessEqual(max(len(line) for line in rule.split("\n")), 100)
        self.fails(2, "unknown option '--help-all'", "models", "--help-all")

    def test_required_options_are_marked(self):
        self.assertRegex(self.ok("scan", "--help").out, r"--model MODEL.gguf +The model: a GGUF file;[^()]*\(required\)")

    def test_options_of_llama_cpp_have_one_dash(self):
        out = self.ok("scan", "--help").out
        self.assertIn("-ngl, --n-gpu-layers N", out)

    def test_version(self):
        self.assertRegex(self.ok("--version").out, r"^sinkscope \d+\.\d+\.\d+\n")


class Usage(harness.ProgramTest):
    def test_unknown_words_get_a_suggestion(self):
        self.fails(2, ["unknown verb 'scna'", "did you mean scan?"], "scna")
        self.fails(2, ["unknown option '--min-aligment'", "did you mean --min-alignment?", "sinkscope scan --help"],
                   "scan", "-m", "x.gguf", "--min-aligment", "1")
        self.fails(2, "unexpected argument 'more.db'", "show", "a.db", "more.db")

    def test_what_is_unknown_is_named_before_what_is_missing(self):
        for arguments in (["scan", "--nonsense"], ["scan", "--nonsense", "5", "-f", "x.txt"], ["export", "--nonsense"],
                          ["tiny", "--nonsense"]):
            self.fails(2, "unknown option '--nonsense'", *arguments)
        self.fails(2, "unknown option '--modell'; did you mean --model?", "scan", "--modell", "m.gguf")

    def test_no_word_of_the_help_stands_alone(self):
        for line in self.ok("--help").out.splitlines():
            self.assertNotIn(line.strip(), ("or", "and"))
        self.assertIn("5 done but some input was skipped or every text is too short to be judged", self.ok("--help").out)

    def test_what_is_required(self):
        self.fails(2, "--model", "scan", "-f", "x.txt")
        self.fails(2, "FILE", "show")
        self.fails(2, "--format", "export", "a.db")

    def test_values_say_what_was_expected(self):
        text = self.file("a.txt", "text")
        for option, value, expected in [
                ("-c", "0", "expected a whole number from 1 to"),
                ("-ub", "many", "-ub: expected a whole number from 1 to 65536, got 'many'"),
                ("-t", "2x", "got '2x'"),
                ("-ngl", "-1", "-ngl: expected a whole number"),
                ("--chunk", "-5", "expected a whole number"),
                ("--min-alignment", "2", "expected a number from -1 to 1, got '2'"),
                ("--min-norm-ratio", "nan", "got 'nan'"),
                ("--bos", "maybe", "expected auto|on|off, got 'maybe'"),
                ("--rule", "mine", "expected evidence|paper"),
                ("--keep", "all", "expected runs|profiles|heads"),
                ("--cache-type-k", "q3_k", "expected f32|f16|bf16|q8_0"),
                ("--paper-positions", "4", "expected a whole number from 2 to 3")]:
            self.fails(2, expected, "scan", "-m", self.tiny, "-f", text, option, value)

    def test_options_that_contradict_each_other(self):
        text = self.file("a.txt", "text")
        self.fails(2, "nothing to read", "scan", "-m", self.tiny)
        self.fails(2, "expected one of", "scan", "-m", self.tiny, "-f", text, "-p", "text")
        self.fails(2, "--field", "scan", "-m", self.tiny, "-f", text, "--field", "x")
        self.fails(2, "token ids", "scan", "-m", self.tiny, "--tokens", text, "--chat")
        self.fails(2, "--keep", "scan", "-m", self.tiny, "-f", text, "--keep", "runs", "--profiles", "a.st")
        self.fails(2, "both be standard output", "scan", "-m", self.tiny, "-f", text, "--json", "-", "--profiles", "-")
        self.fails(2, "standard input", "scan", "-m", self.tiny, "-f", "-", "-f", "-")

    def test_texts_that_look_like_options_or_lists(self):
        for text in ("-ub is an option", "[1, 2]", "--", "a\nb"):
            short = self.scan(f"--prompt={text}", "--json", "-", code=5)  # too short to be judged
            self.assertEqual(short.json()["sequences"][0]["n_tokens"], len(text) + 1)


class Files(harness.ProgramTest):
    def test_input_is_looked_at_before_the_model(self):
        missing = self.folder / "missing.gguf"
        self.fails(3, "'no.txt': No such file", "scan", "-m", missing, "-f", "no.txt")
        self.fails(3, "got a directory", "scan", "-m", missing, "-f", self.folder)
        self.fails(3, "is empty", "scan", "-m", missing, "-f", self.file("empty.txt", ""))
        self.fails(3, "standard input is empty", "scan", "-m", missing, "-f", "-")
        self.fails(3, "expected a JSON array", "scan", "-m", missing, "--tokens", self.file("t.json", "{}"))
        self.fails(3, "No such file", "scan", "-m", missing, "--jsonl", "no.jsonl")

    def test_models_that_are_none(self):
        text = self.file("a.txt", "text")
        tiny = self.tiny.read_bytes()
        self.fails(4, ["'no.gguf'", "No such file"], "scan", "-m", "no.gguf", "-f", text)
        self.fails(4, "got a directory", "scan", "-m", self.folder, "-f", text)
        for name, content in [("empty", b""), ("text", b"not a model"), ("zeros", bytes(4096)),
                              ("header", tiny[:4] + bytes(60)), ("half", tiny[:len(tiny) // 2]),
                              ("short", tiny[:-100])]:
            model = self.file(name + ".gguf", content)
            self.fails(4, "", "scan", "-m", model, "-f", text)
            self.fails(4, "", "probe-points", model)

    def test_outputs_that_cannot_be_written(self):
        text = self.file("a.txt", "text")
        for option in ("-o", "--json", "--profiles"):
            self.fails(7, "no folder 'no'", "scan", "-m", "no.gguf", "-f", text, option, "no/out")
            self.fails(7, "got a directory", "scan", "-m", "no.gguf", "-f", text, option, self.folder)
        self.fails(2, "standard output", "scan", "-m", "no.gguf", "-f", text, "-o", "-")

    def test_outputs_never_take_the_place_of_what_is_read(self):
        text, model = self.file("a.txt", TEXT), self.file("m.gguf", self.tiny.read_bytes())
        (self.folder / "link.gguf").symlink_to(model)
        tokens = self.file("t.json", "[1, 2, 3]")
        for option in ("--json", "--profiles"):
            self.fails(2, "is named twice", "scan", "-m", "m.gguf", "-f", "a.txt", option, "a.txt")
            self.fails(2, "are one file", "scan", "-m", "m.gguf", "-f", "a.txt", option, "./link.gguf")
            self.fails(2, "are one file", "scan", "-m", "m.gguf", "--tokens", "t.json", option, "./t.json")
            self.fails(2, "are one file", "scan", "-m", "m.gguf", "-f", "a.txt", "-o", "new.db", option, "./new.db")
        self.assertEqual((text.read_text(), model.read_bytes(), tokens.read_text()),
                         (TEXT, self.tiny.read_bytes(), "[1, 2, 3]"))
        self.scan("-f", text, "-o", "out.db", "--json", "/dev/null", "--profiles", "/dev/null")
        results = (self.folder / "out.db").read_bytes()
        for verb in (["show"], ["verify"]):
            self.fails(2, "are one file", *verb, "out.db", "--json", "./out.db")
        self.fails(2, "is named twice", "export", "out.db", "--format", "json", "-o", "out.db")
        self.fails(2, "is named twice", "probe-points", "m.gguf", "--json", "m.gguf")
        self.assertEqual((self.folder / "out.db").read_bytes(), results)

    def test_results_files_that_are_none(self):
        other = self.file("a.txt", "some text")
        for verb in (["show"], ["verify"], ["export", "--format", "json"]):
            self.fails(3, "missing.db", *verb, "missing.db")
            self.fails(3, "a.txt", *verb, other)


class Completion(harness.ProgramTest):
    def complete(self, *words):
        script = self.file("completion.bash", self.ok("completion", "bash").out)
        line = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(
            ["bash", "-c", f"set -u; source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
             "_sinkscope; printf '%s\\n' \"${COMPREPLY[@]:-}\""], capture_output=True, text=True, cwd=self.folder,
            check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_offers_verbs_options_and_values(self):
        self.assertEqual(self.complete("sinkscope", "sc"), ["scan"])
        self.assertIn("--min-far-boost", self.complete("sinkscope", "scan", "--min-"))
        self.assertIn("-ub", self.complete("sinkscope", "scan", "-u"))
        self.assertEqual(self.complete("sinkscope", "scan", "--rule", ""), ["evidence", "paper"])
        self.file("model.gguf", "")
        self.file("notes.txt", "")
        self.assertEqual(self.complete("sinkscope", "scan", "-m", "mo"), ["model.gguf"])
        self.assertEqual(self.complete("sinkscope", "show", "no"), ["notes.txt"])
        self.assertEqual(self.complete("sinkscope", "completion", ""), ["bash", "zsh", "fish", "json"])

    def test_every_shell_knows_every_verb(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.ok("completion", shell).out
            for verb in VERBS:
                self.assertTrue(re.search(rf"\b{verb}\b", script))
        self.fails(2, "expected bash|zsh|fish|json, got 'csh'", "completion", "csh")


if __name__ == "__main__":
    harness.main()
