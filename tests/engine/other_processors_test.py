"""The vector kernels compile for processors that this machine is not. What they compute is tested where they run.

    other_processors_test.py COMPILER COMMANDS      COMMANDS is the build's compile_commands.json
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest

CROSS_COMPILER, COMMANDS = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
KERNELS = ["measure/kernels.cpp", "engine/attention/column_sums_kernel.cpp", "engine/accel/softmax_kernels.cpp",
           "engine/accel/plain_softmax_kernels.cpp", "engine/accel/pack_kernels.cpp",
           "engine/accel/plain_pack_kernels.cpp", "engine/accel/unpack_kernels.cpp"]
SYSTEM_HEADERS = ["hwy", "fmt"]  # of headers alone, and for every processor; others of /usr/include are not
SKIPPED = 77


def command_of(source):
    """What the build compiles a source with: the options after the compiler and its launcher."""
    for entry in COMMANDS:
        if entry["file"].endswith("/src/" + source):
            words = shlex.split(entry["command"])
            return words[next(i for i, word in enumerate(words) if word.startswith("-")):]
    return None


def for_other_processor(arguments, headers, output):
    """The same line without this processor's options and with another output."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-o", "-MF", "-MT"):
            skip = True
        elif not argument.startswith(("-march", "-mtune", "-m64", "-fsanitize", "-MD")):
            kept.append(argument)
    return [CROSS_COMPILER, "-isystem", str(headers), *kept, "-O0", "-o", str(output)]


class OtherProcessors(unittest.TestCase):
    def test_kernels_compile_for_arm(self):
        with tempfile.TemporaryDirectory() as folder:
            headers = pathlib.Path(folder) / "headers"
            headers.mkdir()
            for name in SYSTEM_HEADERS:
                os.symlink(f"/usr/include/{name}", headers / name)
            for source in KERNELS:
                with self.subTest(source):
                    arguments = command_of(source)
                    if arguments is None:
                        self.skipTest("this build has no such file")
                    output = pathlib.Path(folder) / "kernel.o"
                    done = subprocess.run(for_other_processor(arguments, headers, output), capture_output=True,
                                          text=True, check=False)
                    self.assertEqual(0, done.returncode, done.stderr[-3000:])
                    symbols = output.read_bytes()
                    self.assertEqual(b"\xb7\x00", symbols[18:20], "expected an object file for AArch64")
                    if "plain" not in source:
                        self.assertIn(b"N_NEON", symbols, "expected vector code for NEON")


if __name__ == "__main__":
    if not pathlib.Path(CROSS_COMPILER).exists():
        print("no cross-compiler for AArch64 here: apt-get install g++-aarch64-linux-gnu")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
