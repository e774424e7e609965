"""Runs the built program and looks at what it printed. Standard library only."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["SINKSCOPE_PROGRAM"]
MAKE_TINY = os.environ["SINKSCOPE_MAKE_TINY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TEXT = "The sum of two numbers is 83, and their difference is 57. Find both, and check them. " * 6


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode(errors="surrogateescape")
        self.err = done.stderr.decode(errors="surrogateescape")
        self.bytes = done.stdout

    def json(self):
        return json.loads(self.out)


class ProgramTest(unittest.TestCase):
    """A folder of its own for each test, which is also the cache folder, and a tiny model shared by all."""

    @classmethod
    def setUpClass(cls):
        cls._shared = tempfile.TemporaryDirectory()
        cls.tiny = pathlib.Path(cls._shared.name) / "tiny.gguf"
        subprocess.run([MAKE_TINY, "llama", cls.tiny], check=True)

    @classmethod
    def tearDownClass(cls):
        cls._shared.cleanup()

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)

    def tearDown(self):
        self._folder.cleanup()

    def environment(self):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("SINKSCOPE", "HF_", "LLAMA_"))}
        # Threads that wait must not spin: on a machine that runs other tests too, that takes ten times as long.
        return {**env, "GOMP_SPINCOUNT": "0", "XDG_CACHE_HOME": str(self.folder / "cache"), "NO_COLOR": "1"}

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def command(self, *arguments):
        return [PROGRAM, *(str(argument) for argument in arguments)]

    def run_program(self, *arguments, stdin=b"", **more):
        return Result(subprocess.run(self.command(*arguments), input=stdin, capture_output=True, cwd=self.folder,
                                     env=self.environment(), check=False, **more))

    def ok(self, *arguments, code=0, **more):
        result = self.run_program(*arguments, **more)
        self.assertEqual(result.code, code, result.err + result.out)
        return result

    def scan(self, *arguments, **more):
        return self.ok("scan", "-m", self.tiny, *arguments, **more)

    def stopped(self, is_time, *arguments):
        """Ctrl-C as soon as is_time() says so; the last line of what was said. The command must not be done by then."""
        running = subprocess.Popen(self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder,
                                   env=self.environment())
        for _ in range(20000):
            if running.poll() is not None or is_time():
                break
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        message = running.communicate()[1].decode()
        self.assertEqual(running.returncode, 130, message)
        return message.rstrip("\n").split("\n")[-1]

    def rows_of(self, results, table):
        """Rows that a results file holds so far; 0 without such a table."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.folder / results}?mode=ro", uri=True)) as file:
                return file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    def fails(self, code, expected, *arguments, **more):
        """One clear line on standard error that holds every expected piece, and the exit code."""
        result = self.run_program(*arguments, **more)
        self.assertEqual(result.code, code, result.err + result.out)
        last = result.err.rstrip("\n").split("\n")[-1]
        self.assertTrue(last.startswith("sinkscope: error: "), result.err)
        self.assertEqual(result.err.count("sinkscope: error: "), 1, result.err)
        for piece in [expected] if isinstance(expected, str) else expected:
            self.assertIn(piece, last)
        return result


def main():
    unittest.main(verbosity=1)
