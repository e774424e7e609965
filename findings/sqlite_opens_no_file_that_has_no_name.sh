#!/usr/bin/env bash
# Package    apsw 3.51.2.0 (SQLite 3.51.2), Python 3.11, Linux
# Guess      Whatever open() can read by /proc/self/fd/N, SQLite can open by that path: a database in a memfd, or one whose name was
#            removed, can be handed to a sandboxed reader that may open nothing else.
# Behaviour  SQLite first resolves the symbolic link by itself, and so asks for "/memfd:NAME (deleted)", which does not exist: "unable
#            to open database file", read-only, with immutable=1 and with nolock=1 alike. The same descriptor of a file that still
#            has a name opens. What works is to hand over the bytes (sqlite3_deserialize).
# Matters    A reader or a fuzzer that is fed by memfd never parses a single input, and every one looks refused.
# Output     bytes readable True; memfd: CantOpenError x 3; named file: [(7,)]; the same without its name: CantOpenError; deserialised: [(7,)]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet apsw==3.51.2.0
"$folder/env/bin/python" - "$folder" <<'PY'
import os
import sys

import apsw

made = apsw.Connection(":memory:")
made.execute("CREATE TABLE t (a); INSERT INTO t VALUES (7)")
data = made.serialize("main")


def read(path, flags=apsw.SQLITE_OPEN_READONLY):
    try:
        return list(apsw.Connection(path, flags=flags).execute("SELECT a FROM t"))
    except apsw.Error as error:
        return type(error).__name__


memory = os.memfd_create("results")
os.write(memory, data)
path = f"/proc/self/fd/{memory}"
with open(path, "rb") as file:
    readable = file.read() == data
uri = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
from_memory = [read(path), read(f"file:{path}?immutable=1", uri), read(f"file:{path}?nolock=1", uri)]
name = os.path.join(sys.argv[1], "named.db")
with open(name, "wb") as file:
    file.write(data)
descriptor = os.open(name, os.O_RDONLY)
named = read(f"/proc/self/fd/{descriptor}")
os.unlink(name)
unnamed = read(f"/proc/self/fd/{descriptor}")
handed = apsw.Connection(":memory:")
handed.deserialize("main", data)
deserialised = list(handed.execute("SELECT a FROM t"))
print(f"bytes readable {readable}; memfd: {from_memory}; named file: {named}; the same without its name: {unnamed}; "
      f"deserialised: {deserialised}")
expected = readable and set(from_memory) == {"CantOpenError"} and named == [(7,)] and unnamed == "CantOpenError"
sys.exit(0 if expected and deserialised == [(7,)] else "SQLite's way of opening has changed")
PY
