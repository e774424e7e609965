"""diff: two scans of the same texts, by models in which other bytes are sinks."""

import harness

TEXT = "the sum of two numbers and their product, checked twice. "


class Diff(harness.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = TEXT * 2 + "!" + TEXT + "#" + TEXT * 6

    def scans(self, name, sinks, *arguments, text=None, layers=10):
        planted = [part for byte, layer in sinks for part in ("--sink", f"layer={layer},token={byte},norm=150")]
        self.ok("tiny", "--arch", "llama", "--layers", layers, *planted, "-o", f"{name}.gguf")
        self.ok("scan", "-q", "-m", f"{name}.gguf", "-f", self.file("text.txt", text or self.text), "-o",
                f"{name}.scan.db", *arguments)
        return f"{name}.scan.db"

    def diff(self, *arguments, code=0):
        return self.ok("diff", *arguments, "--json", "-", code=code).json()

    def test_a_scan_with_itself(self):
        both = self.scans("both", [("!", 4), ("#", 5)])
        same = self.diff(both, both)
        self.assertEqual(same["sinks"], {"before": 2, "after": 2, "kept": 2, "moved": 0, "lost": 0, "gained": 0,
                                         "marginal": 0, "other_kind": 0})
        self.assertEqual(same["jaccard"], 1)
        self.assertIsNone(same["jaccard_interval_95"])
        self.assertEqual(same["options"], [])
        self.assertEqual(same["models"]["before"], same["models"]["after"])
        figures = {figure["figure"]: figure for figure in same["figures"]}
        self.assertEqual(figures["far_boost_median"]["median"], 1)
        self.assertEqual(figures["score_mean"]["median"], 0)
        shown = self.ok("diff", both, both).out
        self.assertIn("2 before, 2 after: 2 kept, 0 moved, 0 lost, 0 gained", shown)
        self.assertRegex(shown, r"no interval: 1 text\s+with sinks, 8 needed")

    def test_what_was_lost_gained_and_moved_has_its_place(self):
        before = self.scans("before", [("!", 4), ("#", 5)])
        after = self.scans("after", [("!", 6)])
        found = self.diff(before, after)
        position = {byte: 1 + self.text.index(byte) for byte in "!#"}
        fates = {sink["position"]: sink for sink in found["sequences"][0]["sinks"]}
        self.assertEqual(fates[position["#"]]["fate"], "lost")
        self.assertIsNone(fates[position["#"]]["after"])
        self.assertEqual(fates[position["#"]]["text"], "#")
        self.assertEqual(fates[position["!"]]["fate"], "moved")
        self.assertEqual((fates[position["!"]]["before"]["l_start"], fates[position["!"]]["after"]["l_start"]), (4, 6))
        self.assertEqual(found["jaccard"], 0.5)
        turned = self.diff(after, before)
        self.assertEqual(turned["sinks"]["gained"], 1)
        self.assertEqual(turned["jaccard"], 0.5)
        missed = self.ok("diff", before, after, "--min-jaccard", "0.9", code=6)
        self.assertIn("--min-jaccard 0.9: got 0.500", missed.err)
        self.ok("diff", before, after, "--min-jaccard", "0.5")

    def test_thresholds_are_of_both(self):
        both = self.scans("both", [("!", 4), ("#", 5)])
        none = self.diff(both, both, "--min-far-boost", "100000", "--unaligned-far-boost", "100000")
        self.assertEqual(none["sinks"]["before"] + none["sinks"]["after"], 0)
        self.assertIsNone(none["jaccard"])
        self.assertEqual(none["thresholds"]["min_far_boost"], 100000)
        self.ok("diff", both, both, "--min-far-boost", "100000", "--unaligned-far-boost", "100000", "--min-jaccard", "0.1", code=6)

    def test_options_that_differ_are_named(self):
        half = self.scans("half", [("!", 4)])
        self.ok("scan", "-q", "-m", "half.gguf", "-f", "text.txt", "--cache-type-k", "f32", "-o", "full.scan.db")
        self.assertEqual(self.diff(half, "full.scan.db")["options"],
                         [{"name": f"cache_type_{what}", "before": "f16", "after": "f32"} for what in "kv"])
        self.assertIn('cache_type_k: "f16" -> "f32"', self.ok("diff", half, "full.scan.db").out)

    def test_what_can_not_be_compared_is_refused(self):
        one = self.scans("one", [("!", 4)])
        other_text = self.scans("other", [("!", 4)], text=self.text + "more")
        self.fails(3, ["other.scan.db", "expected the tokens that 'text.txt' has in one.scan.db"], "diff", one, other_text)
        deep = self.scans("deep", [("!", 4)], layers=12)
        self.fails(3, ["deep.scan.db", "as many layers as in one.scan.db, 10, got 12"], "diff", one, deep)
        near = self.scans("near", [("!", 4)], "--min-distance", "32")
        self.fails(3, ["min_distance", "64, got 32"], "diff", one, near)
        self.ok("scan", "-q", "-m", "one.gguf", "-p", TEXT * 6, "-o", "prompt.scan.db")
        self.fails(3, "none of them in both", "diff", one, "prompt.scan.db")
        self.fails(3, "missing.scan.db", "diff", one, "missing.scan.db")


if __name__ == "__main__":
    harness.main()
