"""Results files, as the program and save() write them."""

import json

from . import _core, _scan
from ._errors import error, path_of, whole
from ._scan import Scan
from ._table import Table
from ._thresholds import named


class Results:
    """A results file that is open for reading: a sequence of Scan objects, read as they are asked for.

    throws  Error "input" if it is no results file
    """

    def __init__(self, path, **thresholds):
        self._path = path_of("path", path)
        self._thresholds = named(thresholds)
        self._file = _core.Results(self._path)

    @property
    def _results(self):
        if self._file is None:
            raise error("usage", f"'{self._path}': expected an open results file, got a closed one; open it again")
        return self._file

    def close(self):
        """Closes the file; scans that were read of it keep it open as long as they live. `with ss.open(path) as results` does
        so at the end of the block."""
        self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def facts(self):
        """What the model is."""
        return self._results.facts

    @property
    def notes(self):
        """What of the model's file, the settings or a scan is to be known before figures are trusted: a list of str."""
        return self._results.notes

    def __len__(self):
        return self._results.n_texts

    def __getitem__(self, i):
        """The text at i, or a list of texts for a slice."""
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        i = whole("text", i, -2**63, 2**63)
        if not -len(self) <= i < len(self):
            raise IndexError(f"expected a text from 0 to {len(self) - 1}, got {i}")
        return Scan(self._results.text(i % len(self), self._thresholds), self._thresholds)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def under(self, **thresholds):
        """The same file judged by other thresholds."""
        return Results(self._path, **thresholds)

    @property
    def sinks(self):
        """One row a sink of all texts, primaries among them: a Table. Reads no arrays."""
        return Table(self._results.table(self._thresholds, False))

    @property
    def runs(self):
        """One row a run of all texts, whether it is a sink or not, and one a primary: a Table."""
        return Table(self._results.table(self._thresholds, True))

    def levels(self, **options):
        """Pairs of layers in which the sinks recur; options as those of levels()."""
        return _scan.levels(self, **options)

    def _levels(self, options, kinds):
        return json.loads(self._results.levels_json(options, self._thresholds, kinds))["files"][0]

    def explanation(self):
        """What the program's `explain` found, as its JSON (sinkscope.explain/1): a dict. None if it was not run."""
        found = self._results.explanation_json(self._thresholds)
        return None if found is None else json.loads(found)

    def protection(self):
        """What `protect` measured, as its JSON (sinkscope.protect/1): a dict. Of several commands with other draws, seed or
        thresholds the last that measured something, all its caches. None if it was not run."""
        found = self._results.protection_json()
        return None if found is None else json.loads(found)

    def __repr__(self):
        if self._file is None:
            return f"<sinkscope.Results '{self._path}', closed>"
        return f"<sinkscope.Results '{self._path}': {len(self)} texts of {self.facts.name}>"


def open(path, **thresholds):
    """Opens a results file. Thresholds as the program's options; those that are not named have their defaults."""
    return Results(path, **thresholds)
