"""Installs the build, moves it, and uses it as a stranger would. Standard library only."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["SINKSCOPE_BUILD"]
CMAKE = os.environ["SINKSCOPE_CMAKE"]
CXX = os.environ["SINKSCOPE_CXX"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = "The sum of two numbers is 83, and their difference is 57. # Find both, and check them.\n" + "Then go on. " * 30
STANDARD = re.compile(r"#include <([a-z_]+)>")  # no folder, no suffix: a header of the C++ standard library


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls._folder.name)
        run(CMAKE, "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = cls.folder / "moved" / "prefix"
        cls.prefix.parent.mkdir()
        shutil.move(cls.folder / "first", cls.prefix)
        cls.program = cls.prefix / "bin" / "sinkscope"
        cls.tiny = cls.folder / "tiny.gguf"
        run(cls.program, "tiny", "--arch", "llama", "--sink", "layer=2,token='#',norm=200", "-o", cls.tiny)
        cls.text = cls.folder / "text.txt"
        cls.text.write_text(TEXT)
        # No home, and no variable of the one who built it.
        cls.bare = {"PATH": "/usr/bin:/bin", "OMP_WAIT_POLICY": "passive"}

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def libraries(self):
        return [path for path in self.prefix.rglob("lib*.so*") if not path.is_symlink()]

    def test_the_program_runs_for_anybody(self):
        out = run(self.program, "scan", "-m", self.tiny, "-f", self.text, "-q", cwd="/", env=self.bare)
        self.assertIn("primary", out)
        self.assertIn("tokens in", out)

    def test_nothing_is_looked_for_where_it_was_built(self):
        for path in [self.program, *self.libraries()]:
            for line in run("readelf", "-d", path).splitlines():
                if "RUNPATH" in line or "RPATH" in line:
                    self.assertRegex(line, r"\[\$ORIGIN[^:]*\]$", path)
            for line in run("ldd", path, env=self.bare).splitlines():
                self.assertNotIn("not found", line, path)
                found = line.split("=>")[-1].strip()
                if found.startswith("/"):
                    self.assertTrue(found.startswith(("/lib", "/usr/", str(self.prefix))), f"{path}: {line}")

    def test_only_our_own_names_are_seen(self):
        library = next(path for path in self.libraries() if path.name.startswith("libsinkscope"))
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]
        self.assertGreater(len(names), 100)
        self.assertEqual([name for name in names if "9sinkscope" not in name], [])

    def test_public_headers_reach_public_headers_only(self):
        include = self.prefix / "include"
        headers = sorted(include.rglob("*.h"))
        self.assertIn(include / "sinkscope" / "api" / "sinkscope.h", headers)
        for header in headers:
            text = header.read_text()
            for line in re.findall(r"^[ \t]*#[ \t]*include.*$", text, re.MULTILINE):
                ours = re.fullmatch(r'#include "(sinkscope/[a-z_/]+\.h)"', line)
                if ours:
                    self.assertTrue((include / ours[1]).is_file(), f"{header}: {line}")
                else:
                    self.assertRegex(line, STANDARD, header)

    def test_the_example_builds_and_scans(self):
        source = self.folder / "embed"
        shutil.copytree(ROOT / "examples" / "embed", source)
        self.assertLessEqual((source / "main.cpp").read_text().count("\n"), 35)
        run(CMAKE, "-S", source, "-B", source / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_CXX_COMPILER={CXX}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
        run(CMAKE, "--build", source / "build")
        out = run(source / "build" / "embed", self.tiny, self.text, cwd="/", env=self.bare)
        self.assertRegex(out, r"primary: position 0, born in layer \d+\n")
        scanned = json.loads(run(self.program, "scan", "-m", self.tiny, "-f", self.text, "-q", "--json", "-", cwd="/",
                                 env=self.bare))["sequences"][0]
        expected = [f"{sink['kind']}: position {sink['position']}, layers {sink['l_start']}-{sink['l_end']}"
                    for sink in scanned["sinks"]]
        self.assertEqual(len(expected), 1, scanned)
        found = [re.sub(r", far boost [\d.]+ in layer \d+$", "", line) for line in out.splitlines()[1:]]
        self.assertEqual(found, expected)
        wrong = subprocess.run([source / "build" / "embed", self.text, self.text], capture_output=True, text=True,
                               env=self.bare, check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertRegex(wrong.stderr, r"^embed: [^\n]+\n$")


if __name__ == "__main__":
    unittest.main()
