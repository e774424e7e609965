"""Outputs never take the place of inputs, nor of files that the program did not make: every verb, every output option."""

import json
import os
import shutil
import stat
import subprocess

import harness
from harness import TEXT


class EveryOutput(harness.ProgramTest):
    """Walks over all verbs: a new verb, or a new option that writes, is under test without being named here."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = subprocess.run([harness.PROGRAM, "completion", "json"], capture_output=True, check=True)
        cls.verbs = {verb["name"]: verb["options"] for verb in json.loads(made.stdout)["verbs"]}

    def setUp(self):
        super().setUp()
        self.text = self.file("a.txt", TEXT)
        self.model = self.file("m.gguf", self.tiny.read_bytes())
        self.file("m.truth.json", json.dumps({"schema": "sinkscope.truth/1"}))
        self.scan("-f", "a.txt", "-o", "in.scan.db")
        self.file("records.jsonl", "{}\n")
        self.file("in.safetensors", "{}")
        # What each verb needs beside its outputs, and which of that it reads.
        self.recipes = {
            "scan": (["-m", "m.gguf", "-f", "a.txt"], ["m.gguf", "a.txt"]),
            "show": (["in.scan.db"], ["in.scan.db"]),
            "export": (["in.scan.db", "--format", "csv"], ["in.scan.db"]),
            "report": (["in.scan.db"], ["in.scan.db"]),
            "plot": (["in.scan.db", "--figure", "norms"], ["in.scan.db"]),
            "verify": (["in.scan.db"], ["in.scan.db"]),
            "levels": (["in.scan.db"], ["in.scan.db"]),
            "diff": (["in.scan.db", "in.scan.db"], ["in.scan.db"]),
            "import": (["records.jsonl", "--layers", "8"], ["records.jsonl"]),
            "merge": (["in.scan.db"], ["in.scan.db"]),
            "generate": (["-m", "m.gguf", "-f", "a.txt"], ["m.gguf", "a.txt"]),
            "models": (["."], []),
            "devices": ([], []),
            "probe-points": (["m.gguf"], ["m.gguf"]),
            "plant": (["-m", "m.gguf", "-f", "a.txt"], ["m.gguf", "a.txt"]),
            "validate": (["-m", "m.gguf", "-f", "a.txt", "--truth", "m.truth.json"], ["m.gguf", "a.txt", "m.truth.json"]),
            "tiny": (["--arch", "llama"], []),
            "bench": (["-m", "m.gguf"], ["m.gguf"]),
            "explain": (["-m", "m.gguf", "in.scan.db"], ["m.gguf", "in.scan.db"]),
            "ablate": (["-m", "m.gguf", "in.scan.db"], ["m.gguf", "in.scan.db"]),
            "protect": (["-m", "m.gguf", "in.scan.db"], ["m.gguf", "in.scan.db"]),
            "steer": (["-m", "m.gguf", "-f", "a.txt", "--add", "layer=1,position=2,norm=3"], ["m.gguf", "a.txt"]),
            "mlp": (["-m", "m.gguf", "--layer", "1", "--inputs", "in.safetensors"], ["m.gguf", "in.safetensors"]),
        }

    def outputs(self):
        """Each verb with each of its outputs, and the arguments that the command needs beside that one."""
        for verb, options in self.verbs.items():
            writing = [option for option in options if option["file"] in ("output", "resumed")]
            if not writing:
                continue
            self.assertIn(verb, self.recipes, f"{verb} writes files, and no test says what else it needs")
            for option in writing:
                others = [argument for other in writing if other["required"] and other is not option
                          for argument in (other["names"][-1], f"other{other['names'][-1]}")]
                given, inputs = self.recipes[verb]
                yield verb, option, [verb, *given, *others], inputs

    def test_every_option_of_the_group_output_that_names_a_file_is_known_as_one(self):
        n = 0
        for verb, options in self.verbs.items():
            for option in options:
                value = option["value"] or ""
                if "FILE" not in value and ".gguf" not in value:
                    continue
                n += 1
                self.assertIsNotNone(option["file"], (verb, option))
                is_output = option["group"] == "Output"
                self.assertEqual(is_output, option["file"] in ("output", "resumed"), (verb, option))
        self.assertGreater(n, 40)

    def test_an_output_is_never_an_input(self):
        os.link(self.folder / "m.gguf", self.folder / "hard.gguf")
        os.link(self.folder / "a.txt", self.folder / "hard.txt")
        os.link(self.folder / "in.scan.db", self.folder / "hard.db")
        (self.folder / "soft.txt").symlink_to("a.txt")
        (self.folder / "soft.db").symlink_to("in.scan.db")
        (self.folder / "soft.gguf").symlink_to("m.gguf")
        hard = {"m.gguf": ["hard.gguf", "soft.gguf"], "a.txt": ["hard.txt", "soft.txt"],
                "in.scan.db": ["hard.db", "soft.db"]}
        n = 0
        for verb, option, command, inputs in self.outputs():
            for name in inputs:
                before = (self.folder / name).read_bytes()
                for path in [name, f"./{name}", *hard.get(name, [])]:
                    for force in ([], ["--force"] if option["file"] == "output" else []):
                        with self.subTest(verb=verb, option=option["names"], path=path, force=force):
                            self.fails(2, ["named twice"] if path == name else ["are one file"], *command,
                                       option["names"][-1], path, *force)
                            self.assertEqual((self.folder / name).read_bytes(), before)
                            n += 1
        self.assertGreater(n, 100)

    def test_an_output_never_takes_the_place_of_a_file_that_the_program_did_not_make(self):
        foreign = {
            "notes.txt": b"three weeks of work\n",
            "list.json": b'{"name": "other", "schema": 1}\n',
            "page.html": b"<!doctype html>\n<html><head><title>mine</title></head></html>\n",
            "table.csv": b"id,kind\n1,a\n",
            "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"></svg>\n',
            "readme.md": b"# Mine\n",
            "other.gguf": b"GGUF" + bytes(100),
            "bytes": bytes(1000),
        }
        for name, content in foreign.items():
            self.file(name, content)
        shutil.copy(self.folder / "in.scan.db", self.folder / "other.scan.db")
        foreign["other.scan.db"] = (self.folder / "other.scan.db").read_bytes()
        for verb, option, command, _ in self.outputs():
            if option["file"] != "output":
                continue
            for name, content in foreign.items():
                with self.subTest(verb=verb, option=option["names"], file=name):
                    self.fails(7, [f"'{name}' is there already", "--force"], *command, option["names"][-1], name)
                    self.assertEqual((self.folder / name).read_bytes(), content)

    def test_files_that_are_gone_on_with_refuse_others(self):
        for verb, option, command, _ in self.outputs():
            if option["file"] != "resumed":
                continue
            for name, content in [("notes.txt", b"three weeks of work\n" * 40), ("other.gguf", self.tiny.read_bytes())]:
                with self.subTest(verb=verb, option=option["names"], file=name):
                    self.file(name, content)
                    self.assertIn(self.run_program(*command, option["names"][-1], name).code, (3, 7))
                    self.assertEqual((self.folder / name).read_bytes(), content)

    def test_standard_output_that_is_an_input(self):
        before = (self.folder / "in.scan.db").read_bytes()
        with open(self.folder / "in.scan.db", "ab") as out:
            done = subprocess.run(
                self.command("export", "in.scan.db", "--format", "csv"), stdout=out, stderr=subprocess.PIPE, cwd=self.folder,
                env=self.environment(), check=False)
        self.assertEqual((done.returncode, (self.folder / "in.scan.db").read_bytes()), (2, before))


    def test_a_pipe_is_written_as_it_is_or_refused(self):
        """No output takes its place: what is one stream goes into it; models, results and texts are refused at once."""
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("pipe")
        n_written = 0
        for verb, option, command, _ in self.outputs():
            refused = option["file"] == "resumed" or option["value"] == "OUT.gguf"
            for name in ("pipe", "link"):
                for force in ([], ["--force"] if option["file"] == "output" else []):
                    if not refused and (force or name == "link" and verb != "show"):
                        continue
                    with self.subTest(verb=verb, option=option["names"], name=name, force=force):
                        if refused:
                            self.fails(7, [f"cannot write '{name}'", "got a pipe or a device"], *command, option["names"][-1],
                                       name, *force)
                        elif verb in ("show", "export", "report", "plot", "levels", "models"):
                            n_written += 1
                            self.assertGreater(len(self.read_from_pipe(*command, option["names"][-1], name)), 10)
                    self.assertTrue(stat.S_ISFIFO((self.folder / "pipe").stat().st_mode))
                    self.assertTrue((self.folder / "link").is_symlink())
        self.assertGreater(n_written, 6)
        self.assertEqual(list(self.folder.glob("*.part")), [])

    def read_from_pipe(self, *command):
        with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, cwd=self.folder) as reader:
            try:
                self.ok(*command)
            except BaseException:
                reader.kill()
                raise
            return reader.communicate()[0]

    def test_a_link_is_followed(self):
        """Through every output: the link stays, its target is written, be it there already or not."""
        (self.folder / "far").mkdir()
        fast = {"show", "export", "report", "plot", "levels", "models", "verify", "tiny", "scan", "merge", "devices"}
        for verb, option, command, _ in self.outputs():
            if verb not in fast:
                continue
            name = option["names"][-1]
            with self.subTest(verb=verb, option=option["names"]):
                link, target = self.folder / "link", self.folder / "far" / "target"
                link.symlink_to("far/target")
                given = ["--keep", "profiles"] if name == "--profiles" else []
                self.ok(*command, *given, name, "link")
                self.assertTrue(link.is_symlink())
                self.assertGreater(target.stat().st_size, 10)
                if verb != "merge":
                    target.write_bytes(b"") if option["file"] == "output" else None
                    self.ok(*command, *given, name, "link")
                    self.assertGreater(target.stat().st_size, 10)
                self.assertTrue(link.is_symlink())
                link.unlink(), target.unlink()
                for left in self.folder.glob("other*"):
                    left.unlink()
        (self.folder / "link").symlink_to("link")
        self.fails(7, "symbolic links", "tiny", "--arch", "llama", "-o", "link")

    def test_two_outputs_through_a_link_that_leads_nowhere_yet(self):
        (self.folder / "link").symlink_to("far.json")
        self.fails(2, "are one file", "scan", "-m", "m.gguf", "-f", "a.txt", "--json", "link", "--profiles", "far.json")


class OwnOutputs(harness.ProgramTest):
    def test_an_earlier_output_of_the_same_kind_is_replaced(self):
        self.file("a.txt", TEXT)
        self.scan("-f", "a.txt", "-o", "r.db", "--keep", "profiles")
        commands = [
            ["show", "r.db", "--json", "out"], ["export", "r.db", "--format", "csv", "-o", "out"],
            ["export", "r.db", "--format", "safetensors", "-o", "out"], ["report", "r.db", "-o", "out"],
            ["report", "r.db", "--summary", "out"], ["plot", "r.db", "--figure", "norms", "-o", "out"],
            ["verify", "r.db", "--json", "out"], ["levels", "r.db", "--json", "out"],
            ["models", ".", "--json", "out"], ["probe-points", self.tiny, "--json", "out"],
            ["tiny", "--arch", "llama", "-o", "out"],
            ["plant", "-m", self.tiny, "-o", "out"],
        ]
        out = self.folder / "out"
        for command in commands:
            with self.subTest(command=command):
                self.ok(*command)
                first = out.read_bytes()
                if first[:4] != b"GGUF":  # a planted model is known by a truth file that is no older
                    out.write_bytes(first[:-1])
                self.ok(*command)
                self.assertEqual(out.read_bytes(), first)
                out.write_bytes(b"other\n")
                self.fails(7, "--force", *command)
                self.ok(*command, "--force")
                self.assertEqual(out.read_bytes(), first)
                out.write_bytes(b"")
                self.ok(*command)
                out.unlink()

    def test_a_figure_is_what_its_name_says(self):
        self.file("a.txt", TEXT)
        self.scan("-f", "a.txt", "-o", "r.db")
        plot = ["plot", "r.db", "--figure", "lives", "-o"]
        self.ok(*plot, "x.svg")
        self.assertTrue((self.folder / "x.svg").read_bytes().startswith(b"<svg"))
        self.fails(2, "expected a name that ends in .svg or .png, got 'x.jpg'", *plot, "x.jpg")
        png = self.run_program(*plot, "x.png")
        if png.code != 0:
            self.assertIn("expected librsvg 2.52 or newer", png.err)
            self.skipTest("no librsvg here")
        pixels = (self.folder / "x.png").read_bytes()
        self.assertTrue(pixels.startswith(b"\x89PNG"))
        self.ok(*plot, "x.png")  # its own is replaced
        self.assertEqual((self.folder / "x.png").read_bytes(), pixels)
        self.file("photo.png", b"\x89PNG\r\n\x1a\nsomebody's")
        self.fails(7, "--force", *plot, "photo.png")

    def test_outputs_of_other_kinds_are_not(self):
        self.file("a.txt", TEXT)
        self.scan("-f", "a.txt", "-o", "r.db")
        self.ok("plant", "-m", self.tiny, "-o", "p.gguf")
        truth = (self.folder / "p.truth.json").read_bytes()
        self.fails(7, "--force", "show", "r.db", "--json", "p.truth.json")
        self.fails(7, "--force", "show", "r.db", "--json", "p.gguf")
        self.ok("report", "r.db", "-o", "page.html")
        self.fails(7, "--force", "show", "r.db", "--json", "page.html")
        self.assertEqual((self.folder / "p.truth.json").read_bytes(), truth)
        # A truth file of another maker is not replaced either.
        self.file("q.truth.json", "{}")
        self.fails(7, ["q.truth.json", "--force"], "plant", "-m", self.tiny, "-o", "q.gguf")

    def test_a_model_is_replaced_by_the_verb_that_made_it_alone(self):
        self.ok("plant", "-m", self.tiny, "-o", "p.gguf")
        self.ok("tiny", "--arch", "llama", "-o", "t.gguf")
        planted, tiny = (self.folder / "p.gguf").read_bytes(), (self.folder / "t.gguf").read_bytes()
        self.fails(7, ["expected a model of `tiny`, got a model of `plant`", "--force"], "tiny", "--arch", "llama", "-o", "p.gguf")
        self.fails(7, ["expected a model of `plant`, got a model of `tiny`", "--force"], "plant", "-m", self.tiny, "-o", "t.gguf")
        self.assertEqual(((self.folder / "p.gguf").read_bytes(), (self.folder / "t.gguf").read_bytes()), (planted, tiny))
        self.assertFalse((self.folder / "t.truth.json").exists())
        self.ok("plant", "-m", self.tiny, "-o", "p.gguf")
        self.ok("tiny", "--arch", "llama", "-o", "p.gguf", "--force")

    def test_an_output_replaces_its_own_schema_and_format_alone(self):
        """Every kind over every other: kept, unless it is the same."""
        self.file("a.txt", TEXT)
        self.scan("-f", "a.txt", "-o", "r.db", "--keep", "profiles")
        on_model = ["-m", self.tiny, "r.db"]
        commands = {
            "sinkscope.scan": ["show", "r.db", "--json"],
            "sinkscope.keep": ["export", "r.db", "--format", "keep", "-o"],
            "sinkscope.levels": ["levels", "r.db", "--json"],
            "sinkscope.diff": ["diff", "r.db", "r.db", "--json"],
            "sinkscope.verify": ["verify", "r.db", "--json"],
            "sinkscope.models": ["models", ".", "--json"],
            "sinkscope.devices": ["devices", "--json"],
            "sinkscope.probe-points": ["probe-points", self.tiny, "--json"],
            "sinkscope.protect": ["protect", *on_model, "--window", "128", "--json"],
            "sinkscope.mask": ["protect", *on_model, "--window", "128", "--mask"],
            "sinkscope.profiles": ["export", "r.db", "--format", "safetensors", "-o"],
            "sinkscope.steer": ["steer", "-m", self.tiny, "-f", "a.txt", "--add", "layer=1,position=2,norm=3", "--json"],
            "sinkscope.truth": ["plant", "-m", self.tiny, "-o", "p.gguf", "--json"],
            "CSV of runs": ["export", "r.db", "--format", "csv", "-o"],
            "an HTML page": ["report", "r.db", "-o"],
            "a summary": ["report", "r.db", "--summary"],
            "an SVG figure": ["plot", "r.db", "--figure", "norms", "-o"],
        }
        for i, command in enumerate(commands.values()):
            self.ok(*command, f"out{i}")
        before = {i: (self.folder / f"out{i}").read_bytes() for i in range(len(commands))}
        for i, (kind, command) in enumerate(commands.items()):
            for j, other in enumerate(commands):
                with self.subTest(writes=kind, over=other):
                    if i == j:
                        self.ok(*command, f"out{j}")
                        before[j] = (self.folder / f"out{j}").read_bytes()  # with what was measured meanwhile
                    else:
                        self.fails(7, [f"'out{j}' is there already", f"expected {self.shown(kind)}", f"got {self.shown(other)}",
                                       "--force"], *command, f"out{j}")
                    self.assertEqual((self.folder / f"out{j}").read_bytes(), before[j])

    def shown(self, kind):
        if not kind.startswith("sinkscope."):
            return kind
        form = "safetensors" if kind in ("sinkscope.mask", "sinkscope.profiles") else "JSON"
        return f"{form} of schema {kind}"

    def test_all_parts_of_a_split_model_are_inputs(self):
        self.file("s-00001-of-00002.gguf", self.tiny.read_bytes())
        self.file("s-00002-of-00002.gguf", b"second part")
        self.fails(2, "are one file", "plant", "-m", "s-00001-of-00002.gguf", "-o", "s-00002-of-00002.gguf", "--force")


if __name__ == "__main__":
    harness.main()
