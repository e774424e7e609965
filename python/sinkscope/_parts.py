"""Results files of parts of a corpus, each whole or not there, and the one that they become."""

import contextlib
import itertools
import json
import os
import pathlib

from ._errors import error

FAN_IN = 32  # files that one merge reads


class Parts:
    """Finished parts in a folder: part-000012.scan.db, and part-000012.json once it is whole."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.finished = []  # of this job: (number, note)

    def _place(self, number, suffix):
        return self.folder / f"part-{number:06d}.{suffix}"

    def has(self, number, digest):
        with contextlib.suppress(OSError, ValueError):
            note = json.loads(self._place(number, "json").read_text(encoding="utf-8"))
            if note["digest"] == digest and (note["empty"] or self._place(number, "scan.db").exists()):
                self.finished.append((number, note))
                return True
        return False

    def add(self, number, digest, results, skipped):
        note = {"digest": digest, "empty": results is None, "skipped": skipped}
        self._place(number, "json").unlink(missing_ok=True)
        if results is not None:
            self._write(self._place(number, "scan.db"), results)
        self._write(self._place(number, "json"), json.dumps(note).encode())
        self.finished.append((number, note))

    def _write(self, path, content):
        part = path.with_name(path.name + ".part")
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)

    def merge(self, output):
        """One results file of all parts, level by level, 32 files at a time."""
        from ._scan import merge

        files = [self._place(number, "scan.db") for number, note in sorted(self.finished) if not note["empty"]]
        if not files:
            raise error("input", "expected at least one text that could be scanned, got none")
        made = []
        for level in itertools.count():
            made_before, made = made, []
            if len(files) <= FAN_IN:
                part = pathlib.Path(os.fspath(output) + ".part")
                part.unlink(missing_ok=True)
                done = merge(files, part)
                os.replace(part, output)
                break
            for i in range(0, len(files), FAN_IN):
                made.append(self.folder / f"level-{level}-{i // FAN_IN:06d}.scan.db")
                made[-1].unlink(missing_ok=True)
                merge(files[i:i + FAN_IN], made[-1])
            for path in made_before:
                path.unlink()
            files = made
        return done
