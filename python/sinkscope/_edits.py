"""What may be changed of a run, before the network reads on. See docs/edits.md.

Each is a value that says what is changed, and is checked and kept as it was when it was made; the change itself is made anew for
each run. Positions are those of the text that runs. Layers count from 0, the embedding is layer -1.
"""

import contextvars
import dataclasses
from collections.abc import Iterable
from typing import Any, Optional

from . import _core, hooks
from ._errors import error, floats, number, positions, shown, whole, word

_LAST_LAYER = 2**31 - 1


def _stretches(layers):
    """Ranges [first, last] of the layers, ascending."""
    ranges = []
    for layer in sorted(set(layers)):
        if ranges and ranges[-1][1] == layer - 1:
            ranges[-1] = (ranges[-1][0], layer)
        else:
            ranges.append((layer, layer))
    return ranges


def _any_number(name, value):
    return number(name, value, float("-inf"), float("inf"))


class _Edit:
    """A change of a run. What is given is kept as _KEPT says: by field, a function of the field's name and value."""

    _KEPT: dict = {}

    def __post_init__(self):
        for name, kept in self._KEPT.items():
            object.__setattr__(self, name, kept(name, getattr(self, name)))


@dataclasses.dataclass(frozen=True)
class HideKeys(_Edit):
    """Later queries do not see these keys in some layers, as if the cache did not hold them.

    positions     of the keys, or a mask, bool [n_tokens], that is True at them: scan.mask("sinks")
    layers        range(5, 18), or any layers; None: all
    min_distance  queries at least so many positions after the key do not see it; a token always sees itself
    throws        Error "usage" if no key or no layer is named
    """

    positions: Iterable[int]
    layers: Optional[Iterable[int]] = None
    min_distance: int = 1

    _KEPT = {"positions": positions, "layers": lambda name, value: None if value is None else positions(name, value),
             "min_distance": lambda name, value: whole(name, value, 1, 2**31 - 1)}

    def _make(self, _n_layers):
        ranges = [(0, _LAST_LAYER)] if self.layers is None else _stretches(self.layers)
        return _core.hide_keys(list(self.positions), ranges, self.min_distance)


_KEPT_OF_ROWS = {"hook": word, "position": lambda name, value: whole(name, value, 0, 2**31 - 1)}


@dataclasses.dataclass(frozen=True)
class _RowEdit(_Edit):
    """A change of one vector.

    hook      where: a name as run_with_cache takes it, of a point that has states
    position  of the token
    """

    hook: str
    position: int

    def _place(self, n_layers):
        name, layer = hooks.point_of(self.hook, n_layers)
        return name, layer, self.position


@dataclasses.dataclass(frozen=True)
class ReplaceRow(_RowEdit):
    """w = row"""

    row: Any

    _KEPT = {**_KEPT_OF_ROWS, "row": floats}

    def _make(self, n_layers):
        return _core.replace_row(*self._place(n_layers), self.row)


@dataclasses.dataclass(frozen=True)
class AddToRow(_RowEdit):
    """w += vector"""

    vector: Any

    _KEPT = {**_KEPT_OF_ROWS, "vector": floats}

    def _make(self, n_layers):
        return _core.add_to_row(*self._place(n_layers), self.vector)


@dataclasses.dataclass(frozen=True)
class SetComponent(_RowEdit):
    """w += (value - <w, u>) u, where u is the direction at length 1; 0 takes the component out"""

    direction: Any
    value: float = 0.0

    _KEPT = {**_KEPT_OF_ROWS, "direction": floats, "value": _any_number}

    def _make(self, n_layers):
        return _core.set_component(*self._place(n_layers), self.direction, self.value)


@dataclasses.dataclass(frozen=True)
class ScaleComponent(_RowEdit):
    """w += (1 - factor) (about - <w, u>) u, where u is the direction at length 1"""

    direction: Any
    factor: float
    about: float = 0.0

    _KEPT = {**_KEPT_OF_ROWS, "direction": floats, "factor": _any_number, "about": _any_number}

    def _make(self, n_layers):
        return _core.scale_component(*self._place(n_layers), self.direction, self.factor, self.about)


@dataclasses.dataclass(frozen=True)
class ClipNorm(_RowEdit):
    """w *= min(1, norm / |w|)"""

    norm: float

    _KEPT = {**_KEPT_OF_ROWS, "norm": _any_number}

    def _make(self, n_layers):
        return _core.clip_norm(*self._place(n_layers), self.norm)


# The blocks that this thread, or this task of asyncio, is in: of all models, the outermost first.
_blocks = contextvars.ContextVar("sinkscope_edits", default=())


class Edited:
    """What Model.edit returns: a `with` block, which may be entered again."""

    def __init__(self, model, edits):
        for edit in edits:
            if not isinstance(edit, _Edit):
                raise error("usage", f"edit: expected HideKeys, ReplaceRow, AddToRow, SetComponent, ScaleComponent or "
                                     f"ClipNorm, one after another, got {shown(edit)}")
        self._model = model
        self._edits = edits

    def __enter__(self):
        _blocks.set((*_blocks.get(), self))
        return self._model

    def __exit__(self, *_):
        # Blocks need not end in the order in which they began.
        blocks = list(_blocks.get())
        last = max((i for i, block in enumerate(blocks) if block is self), default=None)
        if last is not None:
            del blocks[last]
        _blocks.set(tuple(blocks))


def edits_of(model):
    """The edits of a model's runs in this thread, those of outer blocks first."""
    return [edit for block in _blocks.get() if block._model is model for edit in block._edits]
