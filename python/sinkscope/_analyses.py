"""What takes the texts of a results file through the model again: explain and ablate."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping

from . import _edits, _scan
from ._errors import choice, error, flag, number, path_of, positions, taken, whole, words
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


def _thresholds_of(scans):
    """Those by which all of the scans are judged: [(name, number)]."""
    by = {tuple(sorted(scan._thresholds)) for scan in scans}
    if len(by) > 1:
        raise error("usage", "expected scans that are judged by the same thresholds, got others; bring them to the same by "
                             "scan.under(...)")
    return by.pop() if by else ()


@contextlib.contextmanager
def run_of(model, texts, thresholds, progress):
    """(the extension's model, the arguments that all of its runs over a results file take).

    texts       Results, a path, or scans, which are put into a file that is gone afterwards
    thresholds  named by the caller; of the others hold those of the Results or the scans, and for a path those of the model
    """
    if _edits.edits_of(model):
        raise error("usage", "expected no edits, got some: these runs make their own; leave the `with` block first")
    with contextlib.ExitStack() as stack:
        if isinstance(texts, Results):
            path, before = texts._path, texts._thresholds
        elif isinstance(texts, (str, bytes, os.PathLike)):
            path, before = path_of("texts", texts), model._thresholds
        else:
            scans = _scan.scans_of(texts)
            before = _thresholds_of(scans)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sinkscope-"))
            path = os.path.join(folder, "scans.scan.db")
            _scan.save(path, scans)
        arguments = {"path": path, "thresholds": named(thresholds, before)}
        arguments["progress"] = stack.enter_context(told(progress, show_count))
        yield stack.enter_context(model._runs.begin()), arguments


def show_count(bar, done, total, what):
    bar.set_description(what, refresh=False)
    bar.total, bar.n = total, done
    bar.refresh()


def limit_of(documents):
    return None if documents is None else whole("documents", documents, 1, 10**9)


def seed_of(seed):
    return whole("seed", seed, 0, 2**63)


def explain(model, texts, claims, kinds, layers, edit_sinks, seed, progress, thresholds):
    claims, kinds = words("claims", claims, CLAIMS), words("kinds", kinds, KINDS)
    layers = list(positions("layers", () if layers is None else layers, model.facts.n_layers - 1, fewest=0))
    edit_sinks, seed = whole("edit_sinks", edit_sinks, 0, 100000), seed_of(seed)
    with run_of(model, texts, thresholds, progress) as (core, arguments):
        return json.loads(core.explain(claims=claims, kinds=[kind for kind in KINDS if kind in kinds], layers=layers,
                                       edit_sinks=edit_sinks, seed=seed, **arguments))


def ablate(model, texts, how, layers, sinks, draws, seed, documents, loss, margins, progress, thresholds):
    listed = None
    if isinstance(sinks, Mapping):
        with taken("sinks", "what JSON can hold", sinks):
            listed = json.dumps(sinks)
    else:
        choice("sinks", sinks, SELECTIONS)
    options = {"how": words("how", how), "layers": None if layers is None else choice("layers", layers, ("run", "first")),
               "sinks": "" if listed else sinks, "named": listed, "draws": whole("draws", draws, 1, 1000),
               "seed": seed_of(seed), "documents": limit_of(documents), "loss": flag("loss", loss),
               **{name: number(name, margin, 0, 1e9) for name, margin in margins.items()}}
    with run_of(model, texts, thresholds, progress) as (core, arguments):
        return Effects(core.ablate(**options, **arguments), arguments["path"])
