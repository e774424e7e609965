"""One text as a model saw it."""

import html
import json

import numpy

from . import _core
from ._errors import error, flag, listed, number, path_of, shown, whole, word, words
from ._table import Table
from ._thresholds import named

_PAGE_BYTES = 2 << 20
_BY_HEAD = "_by_head"


class Scan:
    """What was found in one text. It shares its data: copies are cheap, and arrays outlive it."""

    def __init__(self, text, thresholds=()):
        self._text = text
        self._thresholds = thresholds  # by which it is judged: [(name, number)], where they are not the defaults

    @property
    def name(self):
        """The name that the text was given."""
        return self._text.name

    @property
    def n_layers(self):
        return self._text.n_layers

    @property
    def n_tokens(self):
        """Tokens of the text, with BOS where there is one."""
        return self._text.n_tokens

    def __len__(self):
        return self.n_tokens

    @property
    def prompt_tokens(self):
        """How many of the tokens are the prompt."""
        return self._text.prompt_tokens

    @property
    def tokens(self):
        """[n_tokens] int32, as the network read them; not a copy."""
        return self._text.tokens

    @property
    def token_bytes(self):
        """What each token stands for: bytes, perhaps a part of a character."""
        return self._text.token_bytes

    @property
    def edits(self):
        """What was changed of the run, in one line; empty if nothing was."""
        return self._text.edits

    @property
    def notes(self):
        """What to know before the figures are trusted, a sentence each: of the model's file and the settings, of the scan (a
        chat template that llama.cpp's server renders otherwise), of the text (too short to be judged). A list of str."""
        return self._text.notes

    @property
    def primary(self):
        """The primary sink as the program's JSON has it: a dict; None if there is none (see no_primary_reason)."""
        return json.loads(self._text.primary_json())

    @property
    def no_primary_reason(self):
        """Why there is no primary; empty where there is one."""
        return self._text.no_primary_reason

    @property
    def sinks(self):
        """One row a sink, the primary first: a Table."""
        return Table(_core.table_of([self._text], False))

    @property
    def runs(self):
        """One row a run of layers in which a token's state is long and aligned, whether it is a sink or not, and one a
        primary: a Table."""
        return Table(_core.table_of([self._text], True))

    @property
    def array_names(self):
        """Names of the arrays that were kept."""
        return self._text.array_names

    def __getitem__(self, name):
        """An array by its name, float32, NaN where not measured: [n_layers, n_tokens]; of names in _by_head [n_layers, n_heads,
        n_tokens]. `first_token_share` and `channel_median` have no axis of tokens: [n_layers]; `first_token_share_by_head`
        is [n_layers, n_heads].

        It is a view of the scan's own memory, which it keeps alive, and cannot be written to. Arrays of a results file
        are read when they are asked for, and exact to 2^-11 of each row's largest number.
        throws  Error "usage" for an array that was not kept, with those that were
        """
        if not isinstance(name, str):
            raise error("usage", f"array: expected a name, one of {', '.join(self.array_names)}; got {shown(name)}")
        return self._text.array(name)

    def __contains__(self, name):
        return name in self.array_names

    def __iter__(self):
        """Names of the arrays."""
        return iter(self.array_names)

    def array(self, name, by_head=False):
        """The same; by_head: [n_layers, n_heads, n_tokens], kept by Model(..., keep="heads").

        throws  Error "usage" for an array that was not kept so, with those that were
        """
        if not flag("by_head", by_head):
            return self[name]
        by_heads = [one.removesuffix(_BY_HEAD) for one in self.array_names if one.endswith(_BY_HEAD)]
        if name not in by_heads:
            there_are = ", ".join(by_heads) or "none, since they were not kept; Model(..., keep='heads') keeps some"
            raise error("usage", f"array {shown(name)} by head: expected one that was kept so; there are: {there_are}")
        return self[name + _BY_HEAD]

    def mask(self, what="sinks"):
        """Which tokens are of some sort: bool [n_tokens].

        what  "sinks": the primary with its set, and every token that is a sink or a member of a group that is one;
              "primary", "primary_like", "secondary", "unaligned": those of this kind; "eligible": tokens that could be
              a sink beside the primary
        """
        return self._text.mask(word("mask", what))

    def under(self, **thresholds):
        """The same text under other thresholds, without the model; those that are not named have their defaults.

        throws  Error "usage" if tokens were kept by a stricter floor than the thresholds ask for
        """
        pairs = named(thresholds)
        return Scan(self._text.under(pairs), pairs)

    def to_dict(self, other_runs=False):
        """What the program's JSON (sinkscope.scan/4) says of this text.

        other_runs  runs that are no sinks are listed too
        """
        return json.loads(_core.scan_json([self._text], other_runs))["sequences"][0]

    def save(self, path):
        """Adds the text to a results file, which is made if it is not there. See save()."""
        save(path, [self])

    def page(self):
        """The report as one HTML page that needs nothing else: str."""
        return _core.report_page([self._text], _PAGE_BYTES).decode()

    def _repr_html_(self):
        """The report in a frame of its own, which may run its script and nothing else; at most 2 MiB."""
        # The frame's attribute takes more room than the page: &, < and quotes are spelt out.
        for limit in (_PAGE_BYTES * 9 // 10, 0):
            page = html.escape(_core.report_page([self._text], limit).decode(), quote=True)
            if len(page.encode()) < _PAGE_BYTES - 1024:
                break
        else:
            return html.escape(repr(self))
        return (f'<iframe sandbox="allow-scripts" title="sinkscope" style="width:100%;height:720px;border:1px solid #8884"'
                f' srcdoc="{page}"></iframe>')

    def __reduce__(self):
        raise error("usage", "scan: expected no copy by pickle, got one; save(path) it, and open(path) it in the other process")

    def __repr__(self):
        kinds = self.sinks["kind"]
        counts = {kind: int(numpy.sum(kinds == kind)) for kind in dict.fromkeys(kinds)}
        found = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no sinks"
        name = f"'{self.name}', " if self.name else ""
        return f"<sinkscope.Scan {name}{self.n_tokens} tokens, {self.n_layers} layers: {found}>"


def scans_of(scans):
    """A list of scans: of one, or of several in any iterable."""
    scans = [scans] if isinstance(scans, Scan) else listed("scans", scans)
    for scan in scans:
        if not isinstance(scan, Scan):
            raise error("usage", f"expected scans, got a {type(scan).__name__}")
    return scans


def texts_of(scans):
    """The extension's texts of scans."""
    return [scan._text for scan in scans_of(scans)]


def save(path, scans):
    """Writes scans into a results file, which the program's show, report, export and levels read.

    path    a new file, or one of the same model and the same measurement, to which they are added; texts that are in it
            already are not written twice
    throws  Error "output" if it cannot be written; "input" if it holds another model or measurement, or the scans are of
            several, before anything is written
    cost    the first time for a model, its file is read for its digest: about a second a gigabyte
    """
    _core.save(path_of("path", path), texts_of(scans))


def merge(paths, output):
    """Puts results files of one model and one measurement into a new one: what the program's `merge` does.

    Documents are ordered by file, line and name, whatever the order of the paths and the steps of merging; one that
    several files hold is kept once, with all its places.
    output   a file that is not there yet
    returns  {"documents": ..., "tokens": ..., "repeated": ...}; repeated: documents that several files held
    throws   Error "input" if they are of different models or measurements; "output" if it cannot be written
    """
    done = _core.merge([path_of("paths", path) for path in listed("paths", paths)], path_of("output", output))
    return dict(zip(("documents", "tokens", "repeated"), done))


def levels(scans, *, kinds=("secondary",), separation=3, bootstraps=100, min_stability=0.8, seed=1):
    """Pairs of layers in which sinks recur over many texts: what the program's `levels --json` says of them.

    scans    Scan objects of one model, measured in one way, or Results
    kinds    of the sinks that levels are made of: "secondary", "primary_like", "unaligned"
    returns  a dict; `levels` in it are the levels, by l_start (docs/levels.md has its members)
    throws   Error "input" if some scans are of another model or measurement, edits for one
    """
    options = _core.LevelOptions(
        separation=whole("separation", separation, 1, 100), bootstraps=whole("bootstraps", bootstraps, 1, 10000),
        min_stability=number("min_stability", min_stability, 0, 1), seed=whole("seed", seed, 0, 2**63))
    kinds = words("kinds", kinds)
    if not hasattr(scans, "_levels"):
        return json.loads(_core.levels_json_of(texts_of(scans), options, kinds))["files"][0]
    return scans._levels(options, kinds)
