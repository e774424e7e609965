#!/usr/bin/env python3
"""Each rule is shown a small tree that keeps it and one that breaks it."""

import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
import rules  # noqa: E402


class RulesTest(unittest.TestCase):
    def broken(self, rule, files):
        """What the rule says of a tree of these files."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return list(rule(root))

    def test_engine_headers(self):
        for header in ('"llama.h"', "<ggml-backend.h>", '"gguf.h"', '"llama-model.h"', '"ggml/include/ggml.h"'):
            include = f"#include {header}\n"
            self.assertEqual([], self.broken(rules.engine_headers, {"src/engine/a.cpp": include}))
            self.assertEqual(1, len(self.broken(rules.engine_headers, {"src/sinks/a.cpp": include})), header)
            self.assertEqual(1, len(self.broken(rules.engine_headers, {"tests/sinks/a.cpp": include})), header)
        own = {"src/cli/a.cpp": '#include "engine/llama_engine.h"\n'}
        self.assertEqual([], self.broken(rules.engine_headers, own))

    def test_python_binding(self):
        self.assertEqual([], self.broken(rules.python_binding, {"python/src/a.cpp": '#include "api/sinkscope.h"\n'}))
        self.assertEqual(1, len(self.broken(rules.python_binding, {"python/src/a.cpp": '#include "scan/scan.h"\n'})))

    def test_room_includes(self):
        kept = {"src/sinks/a.h": '#include "measure/b.h"\n#include "sinks/c.h"\n#include <vector>\n'}
        self.assertEqual([], self.broken(rules.room_includes, kept))
        for room, header in (("base", "probe/a.h"), ("levels", "plant/a.h"), ("measure", "engine/a.h"),
                             ("sinks", "cli/a.h"), ("sinks", "../base/a.h"), ("store", "report/a.h")):
            tree = {f"src/{room}/a.cpp": f'#include "{header}"\n'}
            self.assertEqual(1, len(self.broken(rules.room_includes, tree)), tree)
        self.assertEqual(1, len(self.broken(rules.room_includes, {"src/attic/a.cpp": ""})))
        inner = {"src/report/a.cpp": '#include "plant/trial/validation.h"\n'}
        self.assertEqual([], self.broken(rules.room_includes, inner))
        whole = {"src/plant/a.cpp": '#include "engine/llama/model.h"\n'}
        self.assertEqual(1, len(self.broken(rules.room_includes, whole)))

    def test_room_links(self):
        def tree(links):
            return {"src/sinks/CMakeLists.txt": f"sinkscope_room(sinks SOURCES a.cpp {links} LIBRARIES x)",
                    "src/sinks/a.cpp": '#include "measure/b.h"\n#include "base/c.h"\n'}
        self.assertEqual([], self.broken(rules.room_links, tree("PUBLIC measure PRIVATE base")))
        self.assertEqual(1, len(self.broken(rules.room_links, tree("PUBLIC measure"))))
        self.assertEqual(1, len(self.broken(rules.room_links, tree("PUBLIC measure base probe"))))
        self.assertEqual(2, len(self.broken(rules.room_links, tree("PUBLIC measure base store"))))
        folder = {"src/sinks/CMakeLists.txt": "sinkscope_room(sinks SOURCES parts/a.cpp PUBLIC base)",
                  "src/sinks/parts/a.cpp": '#include "base/c.h"\n#include "sinks/d.h"\n'}
        self.assertEqual([], self.broken(rules.room_links, folder))

    def test_public_headers(self):
        def tree(text):
            return {"src/api/sinkscope.h": '#include <vector>\n#include "base/a.h"\n', "src/base/a.h": text,
                    "src/base/private.h": "#include <llama.h>\n"}
        self.assertEqual([], self.broken(rules.public_headers, {}))
        self.assertEqual([], self.broken(rules.public_headers, tree('#include <string_view>\n#include "base/a.h"\n')))
        for header in ('"base/private.h"', "<fmt/format.h>", "<sqlite3.h>", '"base/none.h"'):
            self.assertEqual(1, len(self.broken(rules.public_headers, tree(f"#include {header}\n"))), header)

    def test_rooms_in_order(self):
        def tree(*rooms):
            return {"src/CMakeLists.txt": "".join(f"add_subdirectory({room})\n" for room in rooms)}
        self.assertEqual([], self.broken(rules.rooms_in_order, tree("base", "engine", "cli")))
        self.assertEqual(1, len(self.broken(rules.rooms_in_order, tree("engine", "base"))))
        self.assertEqual(1, len(self.broken(rules.rooms_in_order, tree("base", "attic"))))

    def test_file_length(self):
        short, long = {"src/base/a.cpp": "\n" * 400}, {"src/base/a.cpp": "\n" * 401}
        with unittest.mock.patch.object(rules, "LONG_FILES", {}):
            self.assertEqual([], self.broken(rules.file_length, short))
            self.assertEqual(1, len(self.broken(rules.file_length, long)))
            self.assertEqual([], self.broken(rules.file_length, {"docs/a.md": "\n" * 401}))
        with unittest.mock.patch.object(rules, "LONG_FILES", {"src/base/a.cpp": "a reason"}):
            self.assertEqual([], self.broken(rules.file_length, long))
            self.assertEqual(1, len(self.broken(rules.file_length, short)))

    def test_free_functions(self):
        header = """
            #define NOT_ONE(x) f(x);
            namespace a {
            int one(int);  // not_a(comment);
            template <typename T, std::size_t N = sizeof(int)>
            [[nodiscard]] std::vector<T> two(const std::function<int(T)>& f = [] { return three(); });
            struct S { int method(); S() : x(0) {} int x; };
            inline constexpr int kValue = five(3);
            constexpr int four(int x) { return S{}.method() + inner(x); }
            const char* text() ;
            namespace b { std::string_view name_of(Point point); }
            using F = int (*)(int);
            bool operator==(const S&, const S&);
            }
        """
        self.assertEqual({"one", "two", "four", "text", "name_of"}, rules.free_functions(header))

    def test_function_names(self):
        both = {"src/base/a.h": "int f(int);", "src/sinks/b.h": "int f(float);", "src/sinks/c.h": "int f(char);"}
        with unittest.mock.patch.object(rules, "SAME_MEANING", {}):
            self.assertEqual(1, len(self.broken(rules.function_names, both)))
            one_room = {"src/sinks/b.h": "int f();", "src/sinks/c.h": "int f(int);"}
            self.assertEqual([], self.broken(rules.function_names, one_room))
            one_header = {"src/base/a.h": "int f();", "src/sinks/b.cpp": "int f();"}
            self.assertEqual([], self.broken(rules.function_names, one_header))
        with unittest.mock.patch.object(rules, "SAME_MEANING", {"f"}):
            self.assertEqual([], self.broken(rules.function_names, both))
            self.assertEqual(1, len(self.broken(rules.function_names, {"src/base/a.h": "int f(int);"})))

    def test_type_names(self):
        def header(text, space="sinkscope"):
            return f"namespace {space} {{\nstruct {text}\n}}\n"
        self.assertEqual(1, len(self.broken(rules.type_names, {"src/a/a.h": header("A {"), "src/b/b.h": header("A final : B {")})))
        self.assertEqual([], self.broken(rules.type_names, {"src/a/a.h": header("A {"), "src/b/b.h": header("A;")}))
        self.assertEqual([], self.broken(rules.type_names, {"src/a/a.h": header("A {"), "src/b/b.h": header("A {", "sinkscope::gpu")}))

    def test_named_rooms(self):
        def tree(row, text=""):
            return {"HACKING.md": f"| `base/` | x | - |\n{row}", "src/base/a.h": "", "docs/a.md": text}
        with unittest.mock.patch.object(rules, "ROOMS", {"base": ()}):
            self.assertEqual([], self.broken(rules.named_rooms, tree("", "[a](../src/base/a.h), src/base")))
            self.assertEqual(1, len(self.broken(rules.named_rooms, tree("| `attic/` | x | - |\n"))))
            self.assertEqual(1, len(self.broken(rules.named_rooms, tree("", "see src/attic/a.h."))))
        with unittest.mock.patch.object(rules, "ROOMS", {"base": (), "attic": ()}):
            self.assertEqual(2, len(self.broken(rules.named_rooms, tree(""))))

    def test_words(self):
        self.assertEqual([], self.broken(rules.words, {"a.md": "the methods of src/home/x, see and/or\n"}))
        for text in ("see /ho" "me/somebody/x", "a TO" "DO", "pip --index" "-url=x",
                     "https://py" "pi.org/x"):
            self.assertEqual(1, len(self.broken(rules.words, {"a.md": text})), text)


if __name__ == "__main__":
    unittest.main()
