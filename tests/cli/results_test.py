"""What is done with results: show, export, verify; and what is said of models."""

import contextlib
import csv
import io
import json
import pathlib
import re
import resource
import sqlite3
import struct
import subprocess
import xml.etree.ElementTree

import harness
from harness import TEXT


class Results(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.scan("-f", self.file("a.txt", TEXT), "-o", "out.db", "--json", "out.json")

    def test_show_is_the_report_of_the_scan(self):
        self.assertIn("a.txt", self.ok("show", "out.db").out)
        self.assertEqual(self.ok("show", "out.db", "--json", "-").bytes, (self.folder / "out.json").read_bytes())

    def test_the_next_step_asks_for_the_thresholds_of_the_scan(self):
        said = self.scan("-f", "a.txt", "-o", "high.db", "--min-far-boost", "7.5", "--group-min-mass", "0.3").out
        self.assertIn("sinkscope report high.db --min-far-boost 7.5 --group-min-mass 0.3 -o high.html", said)
        self.assertIn("sinkscope report out.db -o out.html", self.scan("-f", "a.txt", "-o", "out.db").out)

    def test_one_text_and_several_go_into_one_file(self):
        self.file("b.txt", TEXT * 2)
        several = ("-f", "a.txt", "-f", "b.txt")
        self.scan(*several, "-o", "out.db")  # of one text: profiles, and what the paper's rule asks for
        self.assertEqual(self.ok("show", "out.db", "--rule", "paper", "--json", "-").json()["totals"]["n_sequences"], 2)
        self.scan(*several, "-o", "two.db")
        self.scan("-f", self.file("c.txt", TEXT * 3), "-o", "two.db")
        self.assertEqual(self.ok("show", "two.db", "--json", "-").json()["totals"]["n_sequences"], 3)
        self.fails(2, "--rule paper", "show", "two.db", "--rule", "paper")
        # What was asked for is not taken from the file.
        self.fails(3, "keep = \"runs\", got \"profiles\"", "scan", "-m", self.tiny, "-f", "c.txt", "--keep", "profiles", "-o", "two.db")
        self.fails(3, "--rule paper alone", "scan", "-m", self.tiny, "-f", "c.txt", "--rule", "paper", "-o", "two.db")
        self.scan("-f", "c.txt", "-o", "one.db")
        self.fails(3, "--rule paper alone", "merge", "one.db", "two.db", "-o", "all.db")

    def test_a_scan_for_the_papers_rule_is_not_judged_by_another_unsaid(self):
        self.scan("-f", "a.txt", "-o", "paper.db", "--rule", "paper")
        for verb in ("explain", "ablate", "protect"):
            self.fails(3, "expected a scan by the evidence rule", verb, "-m", self.tiny, "paper.db")
        self.assertIn("scanned for the paper's rule", self.ok("levels", "paper.db").err)
        self.assertIn("scanned for the paper's rule", self.ok("diff", "paper.db", "out.db").err)
        self.assertNotIn("paper", self.ok("levels", "out.db").err)

    def test_thresholds_below_what_the_file_keeps_are_refused(self):
        self.ok("show", "out.db", "--min-alignment", "0.8")
        self.fails(2, "", "show", "out.db", "--min-alignment", "0.5")
        self.scan("-f", "a.txt", "-o", "low.db", "--min-alignment", "0.5")
        self.ok("show", "low.db", "--min-alignment", "0.5")

    def test_the_rule_of_the_paper_is_remembered(self):
        scanned = self.scan("-f", "a.txt", "-o", "paper.db", "--rule", "paper", "--paper-positions", "3").out
        self.assertIn("by the paper's rule", scanned)
        shown = self.ok("show", "paper.db").out
        self.assertTrue(scanned.startswith(shown))
        exported = self.ok("export", "paper.db", "--format", "json").json()
        self.assertEqual((exported["options"]["rule"], exported["options"]["paper_positions"]), ("paper", 3))
        self.assertIn("label", self.ok("export", "paper.db", "--format", "csv").out.splitlines()[0])
        self.assertIn("By the paper's rule", self.ok("report", "paper.db", "--summary", "-").out)
        # Unless told otherwise.
        self.assertEqual(self.ok("export", "paper.db", "--format", "json", "--rule", "evidence").json()["sequences"][0]["sinks"],
                         self.ok("export", "out.db", "--format", "json").json()["sequences"][0]["sinks"])
        self.assertNotIn("by the paper's rule", self.ok("show", "paper.db", "--rule", "evidence").out)

    def test_one_text_keeps_what_both_rules_ask(self):
        self.scan("-f", "a.txt", "-o", "paper.db", "--rule", "paper")
        asked = ("--rule", "paper", "--json", "-")
        self.assertEqual(self.ok("show", "out.db", *asked).json()["sequences"],
                         self.ok("show", "paper.db", *asked).json()["sequences"])
        for figure in ("lives", "rows", "norms"):
            self.ok("plot", "out.db", "--figure", figure, "--rule", "paper")
        self.ok("report", "out.db", "-o", "paper.html", "--rule", "paper")
        # A corpus keeps what it was asked to keep.
        self.scan("-f", "a.txt", "-f", self.file("b.txt", TEXT[:600]), "-o", "two.db")
        self.fails(2, "--rule paper", "show", "two.db", "--rule", "paper")

    def test_options_of_the_rule_that_is_not_applied_are_refused(self):
        """Every verb that offers a rule, every option that its help lists under one of them."""
        self.scan("-f", "a.txt", "-o", "paper.db", "--rule", "paper")
        verbs = {"show": [], "export": ["--format", "csv"], "report": ["-o", "-"], "open": ["--no-browser"],
                 "plot": ["--figure", "norms"], "scan": ["-m", self.tiny, "-f", "a.txt"]}
        evidence = {"--min-far-boost": ["10"], "--min-alignment": ["0.9"], "--other-runs": []}
        details = self.ok("show", "--help-all").out
        for name in re.findall(r"^ +(--[a-z-]+) (?:X|N)\s", details, re.MULTILINE):
            evidence[name] = [re.search(rf"{name} .*?\[([0-9.e-]+)\]", details, re.DOTALL).group(1)]
        self.assertGreater(len(evidence), 5)
        for verb, arguments in verbs.items():
            of_file = [] if verb == "scan" else ["out.db"]
            for option, value in evidence.items():
                with self.subTest(verb=verb, option=option):
                    expected = f"{option} belongs to --rule evidence: expected both, got the rule paper"
                    self.fails(2, expected, verb, *of_file, *arguments, "--rule", "paper", option, *value)
                    if verb != "scan":
                        self.fails(2, expected, verb, "paper.db", *arguments, option, *value)
            for option in [["--paper-positions", "3"], *([["--paper-final-norm"]] if verb == "scan" else [])]:
                with self.subTest(verb=verb, option=option):
                    self.fails(2, f"{option[0]} belongs to --rule paper: expected both, got the rule evidence", verb, *of_file,
                               *arguments, *option)
        # Of several files each is judged by its own rule: one that it is applied to is enough.
        self.ok("report", "out.db", "paper.db", "-o", "-", "--min-far-boost", "10")
        self.ok("show", "paper.db", "--paper-positions", "3")

    def test_helps_offer_the_rule_where_it_works(self):
        for verb in ("scan", "show", "export", "report", "open", "plot"):
            self.assertIn("--rule evidence|paper", self.ok(verb, "--help").out)
        for verb in ("levels", "validate"):
            help_text = self.ok(verb, "--help").out
            self.assertNotIn("--rule", help_text)
            self.assertNotIn("--paper-positions", help_text)

    def test_export(self):
        self.assertEqual(self.ok("export", "out.db", "--format", "json").json()["schema"], "sinkscope.scan/4")
        rows = list(csv.DictReader(io.StringIO(self.ok("export", "out.db", "--format", "csv").out)))
        self.assertTrue(rows and "position" in rows[0])
        self.ok("export", "out.db", "--format", "safetensors", "-o", "out.safetensors")
        data = (self.folder / "out.safetensors").read_bytes()
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        self.assertEqual(header["hidden_norm"]["shape"], [8, len(TEXT) + 1])
        self.fails(2, "--document", "export", "out.db", "--format", "csv", "--document", "0")
        self.fails(7, "no folder", "export", "out.db", "--format", "json", "-o", "no/such/file")

    def test_what_caches_should_keep(self):
        self.ok("tiny", "--arch", "llama", "--layers", 8, "--sink", "layer=4,token='#',norm=150", "-o", "sinks.gguf")
        text = self.file("s.txt", TEXT[:90].replace("#", "-") + "#" + TEXT[:400].replace("#", "-"))
        for keep in ("heads", "runs"):
            with self.subTest(keep):
                self.ok("scan", "-q", "-m", "sinks.gguf", "-f", text, "--keep", keep, "-o", keep + ".db")
                scanned = self.ok("export", keep + ".db", "--format", "json").json()["sequences"][0]
                kept = self.ok("export", keep + ".db", "--format", "keep").json()
                self.assertEqual(kept["schema"], "sinkscope.keep/1")
                primary, sink = kept["sequences"][0]["tokens"]
                self.assertEqual((primary["position"], primary["kinds"]), (0, ["primary"]))
                self.assertEqual((sink["position"], sink["kinds"], sink["text"]), (91, ["secondary"], "#"))
                self.assertEqual([block["block"] for block in primary["blocks"]], list(range(8)))
                self.assertEqual([block["block"] for block in sink["blocks"]], [5, 6, 7])
                shares = [block["attention_share"] for block in sink["blocks"]]
                self.assertEqual(shares, scanned["attention"]["secondary"][5:])
                heads = [block["kv_head_scores"] for block in sink["blocks"]]
                if keep == "runs":
                    self.assertEqual(heads, [None] * 3)
                    continue
                self.assertEqual({len(scores) for scores in heads}, {kept["model"]["n_kv_heads"]})
                # The mean over groups of equal size is the mean over heads, which the JSON has over the sink's blocks.
                means = [sum(scores) / len(scores) for scores in heads]
                self.assertAlmostEqual(sum(means) / 3, scanned["sinks"][0]["score_mean"], delta=2e-4)
                self.assertGreater(max(map(max, heads)), max(means))  # heads differ
        self.fails(2, "--rule evidence", "export", "runs.db", "--format", "keep", "--rule", "paper")

    def test_profiles_as_the_scan_writes_them(self):
        self.scan("-f", "a.txt", "--profiles", "p.safetensors")
        self.ok("export", "out.db", "--format", "safetensors", "-o", "q.safetensors")
        self.assertEqual((self.folder / "p.safetensors").read_bytes(), (self.folder / "q.safetensors").read_bytes())

    def test_verify(self):
        self.assertIn("sound", self.ok("verify", "out.db").out)
        self.assertTrue(self.ok("verify", "out.db", "--json", "-").json()["sound"])
        damaged = bytearray((self.folder / "out.db").read_bytes())
        for at in range(len(damaged) // 2, len(damaged), 997):
            damaged[at] ^= 0xFF
        self.fails(3, "bad.db", "verify", self.file("bad.db", bytes(damaged)))

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.command("show", "out.db"), stdout=full, stderr=subprocess.PIPE, cwd=self.folder,
                                  env=self.environment(), check=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn(b"sinkscope: error: ", done.stderr)

    def test_a_report_is_a_page_or_text_or_both(self):
        self.ok("report", "out.db", "-o", "page.html", "--summary", "summary.md")
        self.assertTrue((self.folder / "page.html").read_text().startswith("<!doctype html>"))
        self.assertEqual((self.folder / "summary.md").read_text(), self.ok("report", "out.db", "--summary", "-").out)
        self.assertIn("### What was found", self.ok("report", "out.db", "--summary", "-").out)
        self.fails(2, "expected -o FILE", "report", "out.db")
        self.fails(2, "cannot both be standard output", "report", "out.db", "-o", "-", "--summary", "-")

    def test_figures_are_drawn_without_a_browser(self):
        for figure in ("lives", "map", "rows", "norms"):
            drawn = xml.etree.ElementTree.fromstring(self.ok("plot", "out.db", "--figure", figure, "--width", "500").bytes)
            self.assertEqual(drawn.get("width"), "500")
        self.ok("plot", "out.db", "--figure", "lives", "-o", "lives.svg", "--theme", "dark")
        self.assertIn("#181c22", (self.folder / "lives.svg").read_text())
        self.fails(2, "expected lives|map|rows|heads|norms|attention|levels", "plot", "out.db", "--figure", "pie")
        self.fails(2, "far_boost, sink_score", "plot", "out.db", "--figure", "map", "--quantity", "taste")
        self.fails(3, "--keep heads", "plot", "out.db", "--figure", "heads")
        self.fails(2, "sink_score, far_boost", "plot", "out.db", "--figure", "heads", "--quantity", "norm_ratio")
        self.fails(3, "expected a document from 0 to 0", "plot", "out.db", "--figure", "lives", "--document", "1")

    def test_figures_by_head(self):
        self.scan("-f", "a.txt", "--keep", "heads", "-o", "heads.db")
        self.ok("export", "heads.db", "--format", "safetensors", "-o", "heads.safetensors")
        data = (self.folder / "heads.safetensors").read_bytes()
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        drawn = {self.ok("plot", "heads.db", "--figure", "heads").out}
        for quantity, name in (("sink_score", "Sink score of "), ("far_boost", "Far boost of ")):
            self.assertEqual(header[f"{quantity}_by_head"]["shape"], [8, 4, len(TEXT) + 1])
            drawn.add(self.ok("plot", "heads.db", "--figure", "heads", "--quantity", quantity).out)
            self.assertTrue(any(name in svg for svg in drawn))
        self.assertEqual(len(drawn), 2, "the score is what is drawn unless another is asked for")
        self.assertIn("sound", self.ok("verify", "heads.db").out)

    def test_profiles_of_another_document_are_refused(self):
        self.scan("-f", self.file("long.txt", TEXT), "-f", self.file("short.txt", TEXT[:300]), "--keep", "profiles",
                  "-o", "two.db")
        with contextlib.closing(sqlite3.connect(self.folder / "two.db")) as file, file:
            file.execute("DELETE FROM profiles WHERE document = 0")
            file.execute("UPDATE profiles SET document = 0 WHERE document = 1")
        self.fails(3, "is damaged", "plot", "two.db", "--figure", "map")
        self.fails(3, "is damaged", "report", "two.db", "-o", "page.html")
        self.assertFalse((self.folder / "page.html").exists())

    def test_one_file_is_not_shown_as_two(self):
        (self.folder / "link.db").symlink_to("out.db")
        for verb in (["report", "-o", "page.html"], ["levels"], ["open", "--no-browser"]):
            self.fails(2, "'out.db' is named twice: expected different files", *verb, "out.db", "out.db")
            self.fails(2, "'out.db' and 'link.db' are one file: expected different ones", *verb, "out.db", "link.db")
        self.assertFalse((self.folder / "page.html").exists())

    def test_output_that_cannot_be_written_says_why(self):
        """Of what a verb prints, and of help, which no verb prints."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))
        for arguments in (["show", "out.db", "--all"], ["show", "out.db", "--json", "-"], ["levels", "out.db"], ["verify", "out.db"],
                          ["--help"], ["show", "--help"], ["show", "--help-all"], ["--version"], []):
            with self.subTest(arguments=arguments), open(self.folder / "full", "wb") as full:
                done = subprocess.run(self.command(*arguments), stdout=full, stderr=subprocess.PIPE, cwd=self.folder, check=False,
                                      env=self.environment(), preexec_fn=limit)
                self.assertEqual(done.returncode, 7, done.stderr)
                self.assertEqual(done.stderr.decode(), "sinkscope: error: standard output: cannot be written; File too large; check "
                                                       "the path, its permissions and the free space\n")

    def test_an_empty_figure_is_refused(self):
        self.file("one.json", "[65]")
        self.scan("--tokens", "one.json", "-o", "one.db", "--keep", "heads", code=5)
        for figure in self.figures():
            with self.subTest(figure=figure):
                if figure == "norms":  # those of the one token
                    self.ok("plot", "one.db", "--figure", figure)
                else:
                    self.fails(3, f"{figure}: expected", "plot", "one.db", "--figure", figure)
        self.fails(3, "far_boost was measured", "plot", "one.db", "--figure", "map")

    def figures(self):
        """As the message of a wrong name lists them."""
        said = self.fails(2, "expected", "plot", "out.db", "--figure", "none").err
        return re.search(r"expected (\S+), got 'none'", said).group(1).split("|")

    def test_a_reader_that_leaves_is_no_news(self):
        line = " ".join(self.command("show", "out.db")) + " | head -n 1"
        done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=self.folder, env=self.environment(),
                              check=True)
        self.assertEqual(done.stderr, b"")


class Models(harness.ProgramTest):
    def test_models_of_a_folder(self):
        self.file("broken.gguf", "no model")
        (self.folder / "good.gguf").write_bytes(self.tiny.read_bytes())
        found = self.ok("models", self.folder, "--json", "-").json()
        listed = found["models"]
        by_name = {pathlib.Path(model["path"]).name: model for model in listed}
        self.assertEqual(by_name["good.gguf"]["arch"], "llama")
        self.assertEqual(by_name["good.gguf"]["quantisation"], "F32")
        self.assertIsNone(by_name["good.gguf"]["problem"])
        self.assertNotIn("broken.gguf", by_name)
        self.assertEqual([(pathlib.Path(other["path"]).name, other["what"]) for other in found["others"]],
                         [("broken.gguf", 'a text that begins "no model"')])
        self.assertIn("llama", self.ok("models", self.folder).out)
        self.fails(3, "expected a folder", "models", "no-such-folder")

    def test_no_models(self):
        self.assertIn("No models in:", self.ok("models").out)

    def test_probe_points(self):
        found = self.ok("probe-points", self.tiny, "--json", "-").json()
        self.assertEqual(found["lacking"], [])
        self.assertIn({"layer": 3, "quantity": "block_output", "node": "l_out-3"}, found["found"])
        self.assertIn("Nothing is lacking", self.ok("probe-points", self.tiny).out)

    def test_a_block_with_a_parallel_residual_says_what_it_lacks(self):
        model = self.folder / "phi2.gguf"
        subprocess.run([harness.MAKE_TINY, "phi2", model], check=True)
        self.assertIn("residual between attention and MLP in layers 0-7", self.ok("probe-points", model).out)


if __name__ == "__main__":
    harness.main()
