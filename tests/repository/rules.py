#!/usr/bin/env python3
"""Rules that hold for the whole repository, read from its files. Standard library only.

    rules.py [--root FOLDER] [RULE ...]    prints what breaks a rule, one line each; exit code 1 if anything does
"""

import argparse
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from declarations import free_functions  # noqa: E402

# What each room may include, itself apart. HACKING.md shows the same table as a picture.
# A room inside another (engine/attention) is written with its path; what its parent may include, it may include too.
ANALYSES = ("levels", "compare", "formation", "impact", "plant")
MEASURED = ("base", "gguf", "probe", "measure", "sinks", "scan")
ROOMS = {
    "base": (),
    "gguf": ("base",),
    "text": ("base",),
    "probe": ("base",),
    "engine": ("base", "gguf", "probe"),
    "measure": ("base", "probe"),
    "sinks": ("base", "probe", "measure"),
    "scan": ("base", "text", "probe", "measure", "sinks"),
    "levels": MEASURED,
    "compare": MEASURED,
    "formation": MEASURED,
    "impact": MEASURED,
    "plant": MEASURED,
    "store": ("base", "text", "probe", "measure", "sinks", "scan", "levels", "formation", "impact"),
    "report": ("base", "probe", "measure", "sinks", "scan", *ANALYSES, "store"),
    "api": ("base", "gguf", "text", "probe", "engine", "measure", "sinks", "scan", *ANALYSES, "store", "report"),
    "cli": ("base", "gguf", "text", "probe", "engine", "measure", "sinks", "scan", *ANALYSES, "store", "report", "api"),
}

MAX_LINES = 400
# Files over the limit, each with the reason why it is one thing and not two.
LONG_FILES = {}

ENGINE_HEADER = re.compile(r"(?:.*/)?(?:llama|ggml|gguf)[A-Za-z0-9_.-]*\.h(?:pp)?")
# Its tests, and a program that measures llama.cpp alone, may too.
# gguf/ asks ggml for the sizes and numbers of its tensor types, and for nothing else.
ENGINE_HEADERS_ALLOWED = ("src/engine/", "src/gguf/block_rounding.cpp", "src/gguf/file.cpp", "tests/engine/", "tests/gguf/",
                          "bench/llama_forward.cpp",
                          "bench/unpack_bench.cpp")

# Functions that headers of several rooms declare because they mean the same of different types.
SAME_MEANING = {"name_of"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)
SOURCE_SUFFIXES = {".h", ".hpp", ".c", ".cpp", ".inc"}
CODE_SUFFIXES = SOURCE_SUFFIXES | {".py", ".sh", ".cmake", ".ts"}

# Each pattern with what is wrong with it. Written so that this file does not match itself.
WORDS = {
    r"(?<![A-Za-z0-9._-])/(?:home|root|Users|work)/[A-Za-z]": "a path of one machine",
    r"--(?:extra-)?(?:index)-url": "a package registry",
    r"\b(?:pypi|test\.pypi)\.org|files\.pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org|"
    r"deb\.debian\.org|archive\.ubuntu\.com|static\.crates\.io|repo1?\.maven\.org": "a package registry",
    r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b": "a mark of unfinished work",
}


def tracked(root):
    """Files that are, or could be, committed, relative to root."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=root, capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name.decode() for name in listed.stdout.split(b"\0") if name]
    else:  # an unpacked archive
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    return sorted(name for name in names if (root / name).is_file() and not (root / name).is_symlink())


def text_of(root, name):
    """The file's text, or None if it is no text."""
    data = (root / name).read_bytes()
    if b"\0" in data[:8192]:
        return None
    return data.decode(errors="replace")


def room_of(name):
    """The room and the folder of a path under src/: ("engine", "engine/attention")."""
    parts = pathlib.PurePosixPath(name).parts
    if len(parts) < 3 or parts[0] != "src":
        return None, None
    return parts[1], "/".join(parts[1:-1])


def sources(root, under="src/"):
    for name in tracked(root):
        if name.startswith(under) and pathlib.PurePosixPath(name).suffix in SOURCE_SUFFIXES:
            yield name, text_of(root, name) or ""


def is_engine_header(header):
    """Whether it is one of llama.cpp's, not one of a room of ours."""
    return header.split("/")[0] not in ROOMS and ENGINE_HEADER.fullmatch(header) is not None


def engine_headers(root):
    """Only the engine includes llama.cpp's headers."""
    for name in tracked(root):
        if pathlib.PurePosixPath(name).suffix not in SOURCE_SUFFIXES or name.startswith(ENGINE_HEADERS_ALLOWED):
            continue
        for _, header in INCLUDE.findall(text_of(root, name) or ""):
            if is_engine_header(header):
                yield f"{name}: includes {header}; only src/engine may"


def allowed(room, path):
    """Whether the table lets the room use this header or room, given by its path from src/."""
    return any(path == other or path.startswith(other + "/") for other in ROOMS.get(room, ()))


def room_includes(root):
    """A room includes only rooms that the table gives it, by their path from src/."""
    for name, text in sources(root):
        room, _ = room_of(name)
        if room is None:
            continue
        if room not in ROOMS:
            yield f"{name}: a room that the table of rooms does not know: {room}"
            continue
        for mark, header in INCLUDE.findall(text):
            if mark != '"' or is_engine_header(header):
                continue
            if header.startswith("../") or "/../" in header:
                yield f"{name}: includes {header}; expected a path from src/"
                continue
            target = header.split("/")[0]
            if target in ROOMS and target != room and not allowed(room, header):
                yield f"{name}: includes {header}; {room} may include only {', '.join(ROOMS[room]) or 'nothing'}"


def room_links(root):
    """A room's CMake target names just the rooms that its files include, and only ones of the table."""
    declared = {call.split()[0] for name in tracked(root)
                if name.startswith("src/") and name.endswith("CMakeLists.txt")
                for call in re.findall(r"sinkscope_room\(([^)]*)\)", text_of(root, name))}

    def target_of(folder):
        """The room's target that a folder belongs to: its own, or that of a folder around it."""
        while folder not in declared and "/" in folder:
            folder = folder.rsplit("/", 1)[0]
        return folder

    included = {}
    for name, text in sources(root):
        room, inner = room_of(name)
        if room in ROOMS:
            inner = target_of(inner)
            for mark, header in INCLUDE.findall(text):
                if mark == '"' and header.split("/")[0] in ROOMS and "/" in header:
                    included.setdefault(inner, set()).add(target_of(header.rsplit("/", 1)[0]))
    for name in tracked(root):
        if not name.startswith("src/") or not name.endswith("CMakeLists.txt"):
            continue
        for call in re.findall(r"sinkscope_room\(([^)]*)\)", text_of(root, name)):
            words = call.split()
            inner, linked, keyword = words[0], set(), None
            for word in words[1:]:
                if word in ("SOURCES", "PUBLIC", "PRIVATE", "LIBRARIES"):
                    keyword = word
                elif keyword in ("PUBLIC", "PRIVATE"):
                    linked.add(word)
            room = inner.split("/")[0]
            used = included.get(inner, set()) - {inner}
            for target in sorted(used - linked):
                yield f"{name}: {inner} includes headers of {target} and does not declare it"
            for target in sorted(linked - used):
                yield f"{name}: {inner} declares {target} and includes nothing of it"
            for target in sorted(linked):
                if target.split("/")[0] != room and not allowed(room, target):
                    yield f"{name}: {inner} declares {target}, which the table of rooms does not allow"


def rooms_in_order(root):
    """src/CMakeLists.txt adds the rooms in the order of the table, which is the way that data flows."""
    added = re.findall(r"^\s*add_subdirectory\((\w+)\)", text_of(root, "src/CMakeLists.txt"), re.MULTILINE)
    order = list(ROOMS)
    known = [room for room in added if room in ROOMS]
    for room in added:
        if room not in ROOMS:
            yield f"src/CMakeLists.txt: adds {room}, which the table of rooms does not know"
    if known != sorted(known, key=order.index):
        yield f"src/CMakeLists.txt: expected the order {sorted(known, key=order.index)}, got {known}"


def file_length(root):
    """A file over 400 lines is two things under one name, unless it is listed with a reason."""
    for name in tracked(root):
        if pathlib.PurePosixPath(name).suffix in CODE_SUFFIXES and name not in LONG_FILES:
            lines = (text_of(root, name) or "").count("\n")
            if lines > MAX_LINES:
                yield f"{name}: {lines} lines; expected at most {MAX_LINES}"
    for name in LONG_FILES:
        if not (root / name).is_file() or (text_of(root, name) or "").count("\n") <= MAX_LINES:
            yield f"{name}: listed as a long file and is none"


def function_names(root):
    """One name has one meaning: no two rooms declare functions of one name in their headers."""
    declared = {}
    for name, text in sources(root):
        room, _ = room_of(name)
        if room is not None and name.endswith(".h"):
            for function in free_functions(text):
                declared.setdefault(function, {}).setdefault(room, name)
    for function, rooms in sorted(declared.items()):
        if len(rooms) > 1 and function not in SAME_MEANING:
            yield f"{function}: declared in {', '.join(sorted(rooms.values()))}; one name has one meaning"
    for function in SAME_MEANING:
        if len(declared.get(function, ())) < 2:
            yield f"{function}: listed as declared in several rooms and is not"


TYPE = re.compile(r"^namespace ([\w:]+) \{|^(?:struct|class|enum class) (\w+)(?: final)?(?: : [^;{]*)? \{", re.MULTILINE)


def type_names(root):
    """No two headers define a type of one name in one namespace: the linker would take either for both, without a word."""
    defined = {}
    for name, text in sources(root):
        if not name.startswith("src/") or not name.endswith(".h"):
            continue
        space = ""
        for namespace, type_name in TYPE.findall(text):
            if namespace:
                space = namespace
            else:
                defined.setdefault(f"{space}::{type_name}", set()).add(name)
    for type_name, headers in sorted(defined.items()):
        if len(headers) > 1:
            yield f"{type_name}: defined in {', '.join(sorted(headers))}; one name is one type"


def named_rooms(root):
    """HACKING.md's map has a row for each room and no other, and the paths that Markdown files name exist."""
    rows = re.findall(r"^\| `([a-z/]+)/` \|", text_of(root, "HACKING.md"), re.MULTILINE)
    for room in rows:
        if not (root / "src" / room).is_dir():
            yield f"HACKING.md: names the room {room}, and there is no src/{room}"
    for room in ROOMS:
        if room not in rows:
            yield f"HACKING.md: has no row for the room {room}"
        if not (root / "src" / room).is_dir():
            yield f"tests/repository/rules.py: the table of rooms has {room}, and there is no src/{room}"
    for name in tracked(root):
        if not name.endswith(".md") or name == "CHANGELOG.md":
            continue
        for path in re.findall(r"(?<![\w/.-])(?:\.\./)*(src/[\w./-]*\w)", text_of(root, name) or ""):
            if not (root / path).exists():
                yield f"{name}: names {path}, which does not exist"


def words(root):
    """No machine paths, no registry hosts, no marks of unfinished work."""
    for name in tracked(root):
        text = text_of(root, name)
        if text is None or name.startswith("tests/data/"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, wrong in WORDS.items():
                if re.search(pattern, line):
                    yield f"{name}:{number}: {wrong}: {line.strip()[:100]}"


def public_headers(root):
    """What programs include, api/sinkscope.h and all that it reaches, asks for the C++ standard library alone."""
    first = "src/api/sinkscope.h"
    reached = [first] if (root / first).is_file() else []
    for name in reached:
        for mark, header in INCLUDE.findall(text_of(root, name) or ""):
            ours = f"src/{header}"
            if mark == "<" and re.fullmatch(r"[a-z_]+", header):
                continue
            if mark == "<" or not (root / ours).is_file():
                yield f"{name}: includes {header}; public headers may include the standard library and our own"
            elif ours not in reached:
                reached.append(ours)


def python_binding(root):
    """The Python package reaches api/sinkscope.h only."""
    for name, text in sources(root, "python/"):
        for mark, header in INCLUDE.findall(text):
            if mark == '"' and header != "api/sinkscope.h" and not (root / "python/src" / header).exists():
                yield f"{name}: includes {header}; python/ may include api/sinkscope.h only"


RULES = {rule.__name__: rule for rule in
         (engine_headers, room_includes, room_links, rooms_in_order, public_headers, python_binding, file_length, function_names,
          type_names, named_rooms, words)}


def main():
    parser = argparse.ArgumentParser(description="Rules that hold for the whole repository.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("rule", nargs="*", choices=[[], *RULES], help="these only")
    options = parser.parse_args()
    broken = 0
    for name in options.rule or RULES:
        for line in RULES[name](options.root):
            print(f"{name}: {line}")
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
