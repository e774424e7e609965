"""What takes the texts of a results file through the model again: explain and ablate."""

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping

from . import _scan
from ._errors import choice, error, whole
from ._progress import told
from ._results import Results
from ._table import Table
from ._thresholds import named

CLAIMS = ("formation", "map", "norm", "primary")
KINDS = ("secondary", "primary_like")
SELECTIONS = ("nonprimary", "secondary", "primary_like", "unaligned", "primary")


class Effects:
    """What taking sinks away did: see docs/impact.md for each figure and verdict."""

    def __init__(self, core, path):
        self._core = core
        self._json = core.json(path)

    @property
    def effects(self):
        """One row an effect over documents: the endpoints of each edit, then its blocks, then distances: a Table."""
        return Table(self._core.table())

    @property
    def blocks(self):
        """One row for each edit, text, block, and run (without the sinks, and each placebo draw): a Table."""
        return Table(self._core.block_table())

    @property
    def verdicts(self):
        """What follows for the primary and for later tokens: a list of dicts, as in JSON."""
        return self.to_dict()["verdicts"]

    def to_dict(self):
        """The program's JSON (sinkscope.ablate/1)."""
        return json.loads(self._json)

    def __repr__(self):
        found = "; ".join(f"{one['how']}, {one['about']}: {one['verdict']}" for one in self.verdicts)
        return f"<sinkscope.Effects {found}>"


@contextlib.contextmanager
def file_of(model, texts):
    """The path of a results file: of Results, a path, or scans, which are put into one that is gone afterwards."""
    if model._edits:
        raise error("usage", "expected no edits, got some: these runs make their own; leave the `with` block first")
    if isinstance(texts, Results):
        yield texts._path
    elif isinstance(texts, (str, os.PathLike)):
        yield os.fsdecode(texts)
    else:
        with tempfile.TemporaryDirectory(prefix="sinkscope-") as folder:
            path = os.fspath(pathlib.Path(folder) / "scans.scan.db")
            _scan.save(path, texts)
            yield path


def show_count(bar, done, total, what):
    bar.set_description(what, refresh=False)
    bar.total, bar.n = total, done
    bar.refresh()


def words_of(name, words, known=None):
    words = [words] if isinstance(words, str) else list(words)
    for word in words:
        if known:
            choice(name, word, known)
    return words


def limit_of(documents):
    return None if documents is None else whole("documents", documents, 1, 10**9)


def explain(model, texts, claims, kinds, layers, edit_sinks, seed, progress, thresholds):
    kinds = words_of("kinds", kinds, KINDS)
    n_layers = model.facts.n_layers
    layers = [whole("layers", layer, 0, n_layers - 1) for layer in layers or ()]
    with file_of(model, texts) as path, told(progress, show_count) as tell:
        found = model._model.explain(path=path, claims=words_of("claims", claims, CLAIMS),
                                     kinds=[kind for kind in KINDS if kind in kinds], layers=layers,
                                     edit_sinks=whole("edit_sinks", edit_sinks, 0, 100000),
                                     seed=whole("seed", seed, 0, 2**63), thresholds=named(thresholds), progress=tell)
    return json.loads(found)


def ablate(model, texts, how, layers, sinks, draws, seed, documents, loss, margins, progress, thresholds):
    listed = json.dumps(sinks) if isinstance(sinks, Mapping) else None
    if listed is None:
        choice("sinks", sinks, SELECTIONS)
    with file_of(model, texts) as path, told(progress, show_count) as tell:
        core = model._model.ablate(
            path=path, how=words_of("how", how), layers=layers and choice("layers", layers, ("run", "first")),
            sinks="" if listed else sinks, named=listed, draws=whole("draws", draws, 1, 1000),
            seed=whole("seed", seed, 0, 2**63), documents=limit_of(documents), loss=bool(loss), **margins,
            thresholds=named(thresholds), progress=tell)
        return Effects(core, path)
