"""Corpora: packs, what a kill leaves, and progress."""

import json
import random
import signal
import subprocess
import time

import harness
from levels_test import letters


class Packs(harness.ProgramTest):
    def sinks(self, *arguments):
        done = self.ok("scan", "-q", "-m", "planted.gguf", "--jsonl", "corpus.jsonl", *arguments, "--json", "-").json()
        return done["options"]["measurement"]["parallel"], [
            [(sink["position"], sink["kind"], sink["l_start"], sink["l_end"]) for sink in sequence["sinks"]]
            for sequence in done["sequences"]]

    def test_a_document_alone_and_packed_has_the_same_sinks(self):
        lines = [json.dumps({"text": letters(i, 150 + 37 * i % 400, "#%")}) for i in range(24)]
        self.file("corpus.jsonl", "\n".join(lines))
        for arch in ("llama", "gemma3", "gpt-oss", "deepseek2"):
            self.ok("tiny", "--arch", arch, "--sink", "layer=4,token=#,norm=150", "--sink", "layer=4,token=%,norm=150",
                    "-o", "planted.gguf")
            parallel, alone = self.sinks("-np", 1)
            self.assertEqual(parallel, 1)
            self.assertGreater(sum(map(len, alone)), 40, arch)
            self.assertEqual(self.sinks()[0], 1)
            parallel, packed = self.sinks("-np", 32)
            self.assertEqual(parallel, 32)
            self.assertEqual(packed, alone, arch)
            self.assertEqual(self.sinks("-np", 32, "-ub", 100)[1], alone, arch)  # packs and documents are cut anywhere


class Killed(harness.ProgramTest):
    def test_twenty_kills_leave_what_an_undisturbed_scan_makes(self):
        lines = [json.dumps({"text": letters(i, 300)}) for i in range(160)]
        corpus = self.file("corpus.jsonl", "\n".join(lines))
        scan = self.command("scan", "-q", "-m", self.tiny, "--jsonl", corpus, "-ub", "64", "--keep", "profiles", "-o")
        self.ok(*scan[1:], "whole.db")
        start = time.monotonic()
        self.ok(*scan[1:], "whole.db")  # all is there: the time to begin and to end
        idle = time.monotonic() - start
        whole = self.ok("export", "whole.db", "--format", "json").bytes
        rng = random.Random(20)
        kills = 0
        while kills < 20:
            running = subprocess.Popen([*scan, "cut.db"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       cwd=self.folder, env=self.environment())
            time.sleep(rng.uniform(0, 1.5 * idle))
            running.send_signal(signal.SIGKILL)
            errors = running.communicate()[1].decode()
            if running.returncode == 0:  # it was done before: from the beginning
                for left in self.folder.glob("cut.db*"):
                    left.unlink()
                continue
            self.assertEqual(running.returncode, -signal.SIGKILL, errors)
            kills += 1
        self.ok(*scan[1:], "cut.db")
        self.assertIn("sound", self.ok("verify", "cut.db").out)
        self.assertEqual(self.ok("export", "cut.db", "--format", "json").bytes, whole)


if __name__ == "__main__":
    harness.main()
