"""Installs the package's files as a wheel has them, moves them, and uses them as a stranger would."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["SINKSCOPE_BUILD"]
CMAKE = os.environ["SINKSCOPE_CMAKE"]
PROGRAM = os.environ["SINKSCOPE_PROGRAM"]
SITE_PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))  # numpy's

README = """
import sys
import sinkscope as ss
model = ss.Model(sys.argv[1])
scan = model.scan("The sum of two numbers is 83. # Find both. " + "Then go on. " * 30)
print(ss.__file__, scan.primary["position"], [*map(str, scan.sinks["text"])])
"""


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class InstalledTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        run(CMAKE, "--install", BUILD, "--prefix", self.folder / "first", "--component", "python", "--strip")
        shutil.move(self.folder / "first", self.folder / "moved")
        self.package = self.folder / "moved" / "sinkscope"

    def test_it_is_whole(self):
        names = {path.name for path in self.package.rglob("*")}
        self.assertLessEqual({"__init__.py", "py.typed", "_core.pyi", "plot.py", "hooks.py", "LICENSE.llama.cpp"}, names)
        (core,) = self.package.glob("_core*.so")
        names = [line.split()[-1] for line in run("nm", "-D", "--defined-only", core).splitlines()]
        self.assertEqual(names, ["PyInit__core"])
        for library in self.package.glob("*.so*"):
            for line in run("readelf", "-d", library).splitlines():
                if "RUNPATH" in line or "RPATH" in line:
                    self.assertRegex(line, r"\[\$ORIGIN[^:]*\]$", library)

    def test_it_scans(self):
        tiny = self.folder / "tiny.gguf"
        run(PROGRAM, "tiny", "--arch", "llama", "--sink", "layer=2,token='#',norm=200", "-o", tiny)
        env = {"PATH": "/usr/bin:/bin", "OMP_WAIT_POLICY": "passive", "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONPATH": f"{self.package.parent}:{SITE_PACKAGES}"}
        said = run(sys.executable, "-c", README, tiny, cwd="/", env=env)
        self.assertTrue(said.startswith(str(self.package)), said)
        self.assertIn("0 ['<|bos|>', '#']", said)


if __name__ == "__main__":
    unittest.main()
