"""Scans of more texts than one machine has time for: an actor pool of Ray, parts, one results file.

    import sinkscope as ss
    done = ss.ray.scan("corpus.jsonl", "model.gguf", "corpus.scan.db", concurrency=8)

    python3 -m sinkscope.ray corpus.jsonl -m model.gguf -o corpus.scan.db --concurrency 8

It asks for the extra: pip install 'sinkscope[ray]'. docs/python.md says how it works, and what a large corpus costs.
"""

import argparse
import collections
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import sys
import tempfile

from ._corpus import documents as documents_of
from ._corpus import import_ray
from ._errors import error, whole
from ._parts import Parts

_MOST_TRIES = 4    # of a part whose actor was lost
_AHEAD = 2         # parts that an actor has been given


@dataclasses.dataclass(frozen=True)
class Scanned:
    """What a job did.

    path       the results file
    documents  in it: equal ones count once
    tokens     of them
    skipped    [(row, why)] texts that could not be scanned
    redone     parts that were begun again because their actor was lost
    resumed    parts that an earlier job had finished
    """

    path: str
    documents: int
    tokens: int
    skipped: list
    redone: int
    resumed: int


def _in_a_line(failed):
    return " ".join(str(failed).split())[:200]


def _chunks(documents, size):
    documents = iter(documents)
    while part := list(itertools.islice(documents, size)):
        yield part


def _digest(part, asked):
    """Of a part's texts and of what is asked for: a part of an earlier job counts if it is the same."""
    return hashlib.sha256(json.dumps([asked, part], ensure_ascii=True, default=repr).encode()).hexdigest()


class _Scanner:
    """What an actor is: one model, which scans parts."""

    def __init__(self, model, options):
        from ._core import Error
        from ._model import Model

        self._problem = None
        try:
            self._model = Model(model, **options)
        except Error as failed:
            self._problem = (failed.code, str(failed))

    def problem(self):
        """Why the model cannot be used: (code, message); None if it can."""
        return self._problem

    def scan(self, part):
        """(results file as bytes or None, [(row, why)])"""
        from ._core import Error
        from ._texts import Document
        from ._scan import save

        scans, skipped = [], []
        for file, row, text, prompt, name in part:
            if text is None:
                skipped.append((row, "no text"))
                continue
            try:
                scans.append(self._model.scan(Document(text, prompt, name, file, row)))
            except Error as failed:
                if failed.code not in ("input", "usage"):
                    raise
                skipped.append((row, str(failed)))
        if not scans:
            return None, skipped
        with tempfile.TemporaryDirectory(prefix="sinkscope-") as folder:
            path = pathlib.Path(folder) / "part.scan.db"
            save(path, scans)
            return path.read_bytes(), skipped


class _Pool:
    """Actors with parts that they work on. One that is lost is replaced, and its parts are given out again."""

    def __init__(self, ray, concurrency, make):
        self._ray, self._make, self._lost = ray, make, 0
        self._starting = {}  # future of its being ready -> actor
        self._usable = []
        self._given = {}     # future -> (actor, part)
        self._waiting = collections.deque()
        self.redone = 0
        for _ in range(concurrency):
            self._start()

    def has_room(self):
        return len(self._given) + len(self._waiting) < _AHEAD * max(1, len(self._usable))

    def is_idle(self):
        return not self._given and not self._waiting

    def give(self, part):
        self._waiting.append(part)
        self._hand_out()

    def take(self):
        """(part, results) of one that is done; None where something else happened first."""
        (future,), _ = self._ray.wait([*self._given, *self._starting], num_returns=1)
        if future in self._starting:
            self._started(self._starting.pop(future), future)
            return None
        actor, part = self._given.pop(future)
        try:
            found = self._ray.get(future)
        except self._ray.exceptions.RayTaskError as failed:
            raise failed.cause if isinstance(failed.cause, Exception) else failed
        except self._ray.exceptions.RayError as failed:
            part["tries"] += 1
            if part["tries"] >= _MOST_TRIES:
                raise error("model", f"part {part['number']}: expected an actor to finish it, lost {part['tries']}: "
                                     f"{_in_a_line(failed)}") from None
            self.redone += 1
            if any(actor is one for one in self._usable):
                self._usable = [one for one in self._usable if one is not actor]
                self._start()
            self._waiting.appendleft(part)
            self._hand_out()
            return None
        self._hand_out()
        return part, found

    def end(self):
        for actor in [*self._usable, *self._starting.values()]:
            self._ray.kill(actor)

    def _start(self):
        actor = self._make()
        self._starting[actor.problem.remote()] = actor

    def _started(self, actor, future):
        try:
            problem = self._ray.get(future)
        except self._ray.exceptions.RayError as failed:
            self._lost += 1
            if self._lost >= _MOST_TRIES:
                raise error("model", f"expected actors to start, lost {self._lost}: {_in_a_line(failed)}") from None
            self._start()
            return
        if problem is not None:
            raise error(*problem)
        self._usable.append(actor)
        self._hand_out()

    def _hand_out(self):
        counts = collections.Counter(id(actor) for actor, _ in self._given.values())
        while self._waiting and len(self._given) < _AHEAD * len(self._usable):
            actor = min(self._usable, key=lambda one: counts[id(one)])
            counts[id(actor)] += 1
            part = self._waiting.popleft()
            self._given[actor.scan.remote(part["documents"])] = (actor, part)


def scan(source, model, output, *, concurrency=2, cpus=1, documents_per_part=64, column="text", prompt_column=None,
         id_column="id", parts=None, progress=None, **options):
    """Scans a data set on a cluster of Ray, and writes one results file.

    source              a Ray Dataset, a Hugging Face data set, any other iterable of records, or the path or paths
                        of JSONL and Parquet files
    model               as Model takes it, on every machine: a path of a file system that all share, or on each its own
    output              a new results file, on the machine that calls this
    concurrency         actors; each holds the model, and its weights are shared on one machine by mapping
    cpus                processors of each actor: threads of its model
    documents_per_part  texts that are scanned between two writes: what is lost where an actor dies
    column, prompt_column, id_column   of a record: its text (token ids and chat messages too), prompt, name
    parts               folder of what is finished; None: OUTPUT.parts, which is taken away at the end
    progress            a function that is given (parts done, texts read)
    options             of Model, thresholds among them; keep is "runs" unless it is said

    The results are those of one machine, byte for byte once merged: parts are merged in a tree, and documents ordered by file
    and row. A job that was stopped goes on where it was, if texts, model and options are the same. Ray is started here if
    it was not.
    returns  Scanned
    throws   Error "output" if there is a file already; "model" if the model cannot be opened, or a part's actors were lost 4 times
    """
    ray = import_ray()
    concurrency, cpus = whole("concurrency", concurrency, 1, 100000), whole("cpus", cpus, 1, 1024)
    size = whole("documents_per_part", documents_per_part, 1, 1 << 20)
    output = os.fsdecode(output)
    if os.path.exists(output):
        raise error("output", f"'{output}': expected no file of that name, got one; choose another")
    options = {"keep": "runs", "threads": cpus, **options}
    model = os.fsdecode(model)
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    # Threads that wait must not spin: more than one actor may be on a machine.
    actor = ray.remote(_Scanner).options(num_cpus=cpus, max_restarts=0, max_concurrency=1,
                                         runtime_env={"env_vars": {"OMP_WAIT_POLICY": "passive"}})
    finished = Parts(parts or output + ".parts")
    asked = [model, os.path.getsize(model) if os.path.isfile(model) else 0,
             {name: repr(value) for name, value in sorted(options.items()) if name != "threads"}]
    pool = None
    resumed = read = 0

    def take_one():
        done = pool.take()
        if done is None:
            return
        part, (results, skipped) = done
        finished.add(part["number"], part["digest"], results, skipped)
        if progress:
            progress(len(finished.finished), read)

    try:
        texts = documents_of(source, column, prompt_column, id_column)
        for number, part in enumerate(_chunks(texts, size)):
            read += len(part)
            digest = _digest(part, asked)
            if finished.has(number, digest):
                resumed += 1
                continue
            if pool is None:
                pool = _Pool(ray, concurrency, lambda: actor.remote(model, options))
            while not pool.has_room():
                take_one()
            pool.give({"number": number, "digest": digest, "documents": part, "tries": 0})
        while pool and not pool.is_idle():
            take_one()
    finally:
        if pool:
            pool.end()
    done = finished.merge(output)
    if parts is None:
        shutil.rmtree(finished.folder)
    skipped = [tuple(one) for _, note in sorted(finished.finished) for one in note["skipped"]]
    return Scanned(output, done["documents"], done["tokens"], skipped, pool.redone if pool else 0, resumed)


def main(arguments=None):
    """The command: exit code 0, 5 if texts were skipped, 1 for an error."""
    from ._core import Error

    parser = argparse.ArgumentParser(prog="python3 -m sinkscope.ray", description="Scans a corpus on a cluster of Ray.")
    parser.add_argument("source", nargs="+", help="JSONL and Parquet files")
    parser.add_argument("-m", "--model", required=True, help="as every machine of the cluster finds it")
    parser.add_argument("-o", "--output", required=True, help="the results file")
    parser.add_argument("--address", help="of the cluster; by default the one of this machine, or a new one")
    parser.add_argument("--concurrency", type=int, default=2, help="actors (2)")
    parser.add_argument("--cpus", type=int, default=1, help="processors of each (1)")
    parser.add_argument("--documents-per-part", type=int, default=64, help="(64)")
    parser.add_argument("--field", default="text", help="of a record: its text (text)")
    parser.add_argument("--prompt-field", help="of a record: its prompt")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="an option of sinkscope.Model, VALUE as JSON: --set precision='\"f32\"' --set min_distance=32")
    given = parser.parse_args(arguments)
    try:
        options = {}
        for word in given.set:
            name, _, value = word.partition("=")
            try:
                options[name] = json.loads(value)
            except ValueError:
                options[name] = value
        ray = import_ray()
        if given.address:
            ray.init(address=given.address, log_to_driver=False)
        done = scan(given.source, given.model, given.output, concurrency=given.concurrency, cpus=given.cpus,
                    documents_per_part=given.documents_per_part, column=given.field, prompt_column=given.prompt_field,
                    progress=lambda parts, texts: print(f"sinkscope: {parts} parts, {texts} texts read", file=sys.stderr),
                    **options)
    except Error as failed:
        print(f"sinkscope: {failed}", file=sys.stderr)
        return 1
    for row, why in done.skipped:
        print(f"sinkscope: row {row} is left out: {why}", file=sys.stderr)
    print(f"{done.path}: {done.documents} documents, {done.tokens} tokens; {done.resumed} parts were there already, "
          f"{done.redone} were done again")
    return 5 if done.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
