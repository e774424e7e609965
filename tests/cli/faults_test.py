"""Exit codes say whose fault it is: files that were changed, disks that are full, runs that were killed."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import time

import harness
from harness import TEXT


class ChangedFiles(harness.ProgramTest):
    def results(self, name, text=TEXT):
        self.scan("-p", text, "-o", name, "--keep", "runs")
        return self.folder / name

    def change(self, path, *statements):
        with sqlite3.connect(path) as results:
            for statement in statements:
                results.execute(statement)
        results.close()

    def test_whatever_was_changed_is_the_files_fault(self):
        """Each change through each verb that reads, and through those that go on writing: never an internal error."""
        self.results("other.db", TEXT + "More.")
        changes = {
            "vocabulary": ["UPDATE vocabulary SET bytes = x'5A5A' WHERE token_id = 101"],
            "no program run": ["PRAGMA foreign_keys = OFF", "UPDATE documents SET program_run = 77"],
            "lengths": ["UPDATE documents SET n_tokens = 3"],
            "prompt": ["UPDATE documents SET prompt_tokens = 100000"],
            "tokens": ["UPDATE documents SET token_ids = x'00'"],
            "token ids": ["UPDATE documents SET token_ids = CAST(x'FFFFFF7F' || substr(token_ids, 5) AS BLOB)"],
            "figures": ["UPDATE figures SET data = x'0000'"],
            "no figures": ["DELETE FROM figures"],
            "no vocabulary": ["DELETE FROM vocabulary"],
            "no origins": ["DELETE FROM origins"],
            "a view": ["ALTER TABLE skipped_lines RENAME TO s", "CREATE VIEW skipped_lines AS SELECT * FROM s"],
            "a view of documents": ["ALTER TABLE documents RENAME TO d", "CREATE VIEW documents AS SELECT * FROM d"],
            "no table": ["DROP TABLE corpus"],
            "another table": ["DROP TABLE origins", "CREATE TABLE origins (a, b)"],
            "a trigger": ["CREATE TRIGGER t BEFORE INSERT ON program_runs BEGIN SELECT raise(ABORT, 'no'); END"],
            "a condition": ["DROP TABLE skipped_lines",
                            "CREATE TABLE skipped_lines (id INTEGER PRIMARY KEY, file TEXT, line INTEGER, reason TEXT, "
                            "CHECK (line > 1000))"],
            "layers": ["UPDATE model SET n_layers = 3"],
            "options": ["UPDATE options SET value = 'x'"],
        }
        self.file("more.jsonl", '{"text": "' + TEXT + '"}\nno JSON\n{"text": "' + TEXT[::-1] + '"}\n')
        for name, statements in changes.items():
            sound = self.results(f"{name}.db")
            self.change(sound, *statements)
            for command in (["show"], ["verify"], ["levels"], ["export", "--format", "csv"], ["report", "-o", "-"],
                            ["plot", "--figure", "norms"], ["merge", "other.db", "-o", "merged.db"]):
                with self.subTest(change=name, command=command[0]):
                    result = self.run_program(command[0], sound.name, *command[1:])
                    self.assertIn(result.code, (0, 2, 3), result.err)
                (self.folder / "merged.db").unlink(missing_ok=True)
            with self.subTest(change=name, command="scan"):
                result = self.run_program("scan", "-m", self.tiny, "--jsonl", "more.jsonl", "-o", sound.name, "--keep", "runs")
                self.assertIn(result.code, (0, 3, 5), result.err)
                self.assertNotIn("internal", result.err)

    def test_a_changed_vocabulary_is_named_by_merge(self):
        self.results("a.db")
        self.change(self.results("b.db", TEXT + "More."), "UPDATE vocabulary SET bytes = x'5A5A' WHERE token_id = 101")
        self.fails(3, ["token 101", "damaged or changed"], "merge", "a.db", "b.db", "-o", "m.db")
        self.assertFalse((self.folder / "m.db").exists())


class FullDisks(harness.ProgramTest):
    def limited(self, n_bytes):
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))}

    def test_a_limit_of_file_size_is_a_full_disk(self):
        texts = self.file("t.jsonl", "".join(f'{{"text": "{i} {TEXT}"}}\n' for i in range(40)))
        command = ["scan", "-m", self.tiny, "--jsonl", texts, "-o", "r.db", "--keep", "heads"]
        self.fails(7, ["r.db", "must not become so large", "run the same command again"], *command, **self.limited(1 << 20))
        # What was finished is kept, and the same command goes on.
        self.assertRegex(self.ok(*command).err, r"\d+ of 40 documents already there")
        self.ok("verify", "r.db")
        for more in (["--json", "out.json"], ["--profiles", "out.st"]):
            self.fails(7, more[1], "scan", "-m", self.tiny, "--jsonl", texts, "--keep", "heads", *more, **self.limited(1 << 15))
            self.assertEqual([p.name for p in self.folder.glob("out*")], [])
        self.scan("--jsonl", self.file("one.jsonl", f'{{"text": "{TEXT}"}}\n'), "-o", "a.db", "--keep", "heads")
        full = self.fails(7, ["m.db: a file must not become so large", "run the same command again"], "merge", "a.db", "r.db",
                          "-o", "m.db", **self.limited(1 << 18))
        self.assertNotIn(".part", full.err)
        self.assertNotIn("a scan", full.err)
        self.assertEqual(sorted(p.name for p in self.folder.glob("m.db*")), [])
        self.ok("merge", "a.db", "r.db", "-o", "m.db")
        self.fails(7, "t.gguf", "tiny", "--arch", "llama", "-o", "t.gguf", **self.limited(1 << 15))
        self.assertEqual(sorted(p.name for p in self.folder.glob("t.gguf*")), [])


    def test_plain_files_are_there_whole_or_as_they_were(self):
        """Every file that is written as a whole, refused at its first byte, within, and at its last."""
        self.scan("-p", TEXT, "-o", "r.db", "--keep", "heads")
        writers = [["report", "r.db", "-o"], ["report", "r.db", "-o", "-", "--summary"],
                   ["plot", "r.db", "--figure", "norms", "-o"],
                   *(["export", "r.db", "--format", form, "-o"] for form in ("json", "csv", "safetensors", "keep")),
                   ["scan", "-m", self.tiny, "-p", TEXT, "--quiet", "--json"], ["tiny", "--arch", "llama", "-o"]]
        for writer in writers:
            command = [*writer, "out"]
            self.ok(*command)
            whole = (self.folder / "out").read_bytes()
            for limit in (0, len(whole) // 2, len(whole) - 1):
                with self.subTest(writer=writer[:4:3], limit=limit):
                    self.fails(7, "out", *command, **self.limited(limit))
                    self.assertEqual((self.folder / "out").read_bytes(), whole)
                    self.assertEqual([path.name for path in self.folder.glob("out?*")], [])
            self.ok(*command)
            self.assertEqual((self.folder / "out").read_bytes(), whole)
            (self.folder / "out").unlink()
            self.fails(7, "out", *command, **self.limited(len(whole) // 2))
            self.assertFalse((self.folder / "out").exists())

    def test_generated_texts_go_on_from_the_last_whole_one(self):
        prompts = self.file("p.jsonl", "".join(f'{{"text": "{i} {TEXT[:60]}"}}\n' for i in range(4)))
        command = ["generate", "-m", self.tiny, "--jsonl", prompts, "-n", "12", "--seed", "3", "--no-scan", "--quiet", "-o"]
        self.ok(*command, "whole.jsonl")
        whole = (self.folder / "whole.jsonl").read_bytes()
        ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
        for limit in sorted({1, *(end + more for end in ends[:-1] for more in (-1, 0, 1)), len(whole) - 1}):
            with self.subTest(limit=limit):
                self.fails(7, "cut.jsonl", *command, "cut.jsonl", **self.limited(limit))
                kept = (self.folder / "cut.jsonl").read_bytes()
                self.assertTrue(whole.startswith(kept[:kept.rfind(b"\n") + 1]))
                self.assertGreaterEqual(kept.count(b"\n"), sum(end <= limit for end in ends))
                self.ok(*command, "cut.jsonl")
                self.assertEqual((self.folder / "cut.jsonl").read_bytes(), whole)
                (self.folder / "cut.jsonl").unlink()


class Leftovers(harness.ProgramTest):
    def test_what_killed_merges_left_is_removed_by_the_next(self):
        self.scan("-p", TEXT, "-o", "a.db")
        gone = subprocess.Popen(["true"])
        gone.wait()
        lost = [self.file(f"m.db.{gone.pid}.part{suffix}", "x") for suffix in ("", "-wal", "-shm", "-journal")]
        own = [self.file(name, "x") for name in (f"m.db.{os.getpid()}.part", f"n.db.{gone.pid}.part", "m.db.x.part",
                                                 f"m.db.{gone.pid}.party", "m.db.part")]
        self.ok("merge", "a.db", "-o", "m.db")
        self.assertEqual([path.exists() for path in lost], [False] * 4)
        self.assertEqual([path.exists() for path in own], [True] * 5)
        lost = self.file(f"i.db.{gone.pid}.part", "x")
        record = {"sample_index": 0, "prompt_len": 3, "response_len": 97, "full_text_len": 100, "candidate_sinks": {}}
        self.ok("import", self.file("r.jsonl", json.dumps(record)), "--layers", "8", "-o", "i.db")
        self.assertFalse(lost.exists())

    def test_a_merge_that_is_killed(self):
        texts = self.file("t.jsonl", "".join(f'{{"text": "{i} {TEXT}"}}\n' for i in range(60)))
        self.scan("--jsonl", texts, "-o", "a.db", "--keep", "heads")
        merge = subprocess.Popen(self.command("merge", "a.db", "-o", "m.db"), cwd=self.folder, env=self.environment())
        for _ in range(2000):
            if list(self.folder.glob("m.db.*.part")):
                break
            time.sleep(0.002)
        merge.send_signal(signal.SIGKILL)
        merge.wait()
        (self.folder / "m.db").unlink(missing_ok=True)
        self.ok("merge", "a.db", "-o", "m.db")
        self.assertEqual([path.name for path in self.folder.glob("m.db*")], ["m.db"])


if __name__ == "__main__":
    harness.main()
