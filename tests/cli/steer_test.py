"""steer: a tiny model, in which whatever is written along the axis draws attention."""

import random

import harness


class Steer(harness.ProgramTest):
    def setUp(self):
        super().setUp()
        self.ok("tiny", "--arch", "llama", "--layers", 8, "--sink", "layer=4,token='#',norm=150", "-o", "tiny.gguf")
        rng = random.Random(1)
        letters = [rng.choice("abcdefghijklmnop ") for _ in range(330)]
        letters[60] = "#"
        self.text = self.file("text.txt", "".join(letters))

    def steer(self, *options):
        return self.ok("steer", "-m", "tiny.gguf", "--precision", "native", "-f", self.text, "--draws", 1, *options)

    def test_makes_a_sink_and_unmakes_one(self):
        result = self.steer("--add", "layer=3,position=120,norm=150", "--json", "-").json()
        self.assertEqual(result["schema"], "sinkscope.steer/1")
        self.assertEqual((result["primary"], result["first_block"], result["queries"]), (0, 4, 331 - 120 - 64))
        token, before = result["steered"]["tokens"][0], result["unedited"]["tokens"][0]
        self.assertEqual((token["position"], token["verdict"], token["l_start"]), (120, "sink", 3))
        self.assertGreater(token["alignment"], 0.98)
        self.assertEqual(len(token["far_boost"]), 4)
        self.assertGreater(min(token["far_boost"]), 5 * max(before["far_boost"]))
        self.assertIsNone(before["verdict"])
        for was, now in zip(result["unedited"]["primary_score"], result["steered"]["primary_score"]):
            self.assertLess(now, was)
        self.assertGreater(result["steered"]["kl"], 0)
        self.assertEqual(len(result["placebo"]), 1)
        # BOS stands before the text.
        clipped = self.steer("--clip", "layer=4,position=61,norm=1", "--no-loss", "--json", "-").json()
        self.assertEqual(clipped["unedited"]["tokens"][0]["verdict"], "sink")
        self.assertIsNone(clipped["steered"]["tokens"][0]["verdict"])
        self.assertIsNone(clipped["steered"]["kl"])

    def test_says_of_the_primary_what_it_is(self):
        steered = self.steer("--add", "layer=4,position=0,norm=150", "--no-loss", "--json", "-").json()
        for run in (steered["unedited"], steered["steered"]):
            token = run["tokens"][0]
            self.assertEqual((token["verdict"], token["kind"], token["l_start"]), ("sink", "primary", None))
        self.assertIn("the primary", self.steer("--add", "layer=4,position=0,norm=150", "--no-loss").out.splitlines()[3])

    def test_says_it_in_words(self):
        said = self.steer("--add", "layer=3,position=120,norm=150").out
        self.assertIn("1 token changed; 1 placebo draw", said)
        self.assertIn("the primary at position 0; queries behind it and a changed token: 147", said)
        self.assertIn("secondary sink, 3-", said)
        self.assertIn("next-token loss", said)

    def test_refuses_in_a_line(self):
        base = ("steer", "-m", "tiny.gguf", "-f", self.text)
        self.fails(2, "expected --add or --clip", *base)
        self.fails(2, "no norm", *base, "--add", "layer=3,position=120")
        self.fails(2, "expected a position from 0 to 330, got 331", *base, "--add", "layer=3,position=331,norm=1")
        two = self.file("two.jsonl", '{"text": "one"}\n{"text": "two"}\n')
        self.fails(2, "expected one text", "steer", "-m", "tiny.gguf", "--jsonl", two, "--add", "layer=3,position=1,norm=1")


if __name__ == "__main__":
    harness.main()
