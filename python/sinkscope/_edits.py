"""What may be changed of a run, before the network reads on. See docs/edits.md.

Each is a value that says what is changed; the change itself is made anew for each run. Positions are those of the text that
runs. Layers count from 0, the embedding is layer -1.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from . import _core, hooks

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


def _floats(vector):
    return [float(number) for number in vector]


@dataclasses.dataclass(frozen=True)
class HideKeys:
    """Later queries do not see these keys in some layers, as if the cache did not hold them.

    layers        range(5, 18), or any layers; None: all
    min_distance  queries at least so many positions after the key do not see it; a token always sees itself
    """

    positions: Sequence[int]
    layers: Optional[Iterable[int]] = None
    min_distance: int = 1

    def _make(self, _n_layers):
        ranges = [(0, _LAST_LAYER)] if self.layers is None else _stretches(self.layers)
        return _core.hide_keys([int(position) for position in self.positions], ranges, int(self.min_distance))


@dataclasses.dataclass(frozen=True)
class _RowEdit:
    """A change of one vector.

    hook      where: a name as run_with_cache takes it, of a point that has states
    position  of the token
    """

    hook: str
    position: int

    def _place(self, n_layers):
        name, layer = hooks.point_of(self.hook, n_layers)
        return name, layer, int(self.position)


@dataclasses.dataclass(frozen=True)
class ReplaceRow(_RowEdit):
    """w = row"""

    row: Any

    def _make(self, n_layers):
        return _core.replace_row(*self._place(n_layers), _floats(self.row))


@dataclasses.dataclass(frozen=True)
class AddToRow(_RowEdit):
    """w += vector"""

    vector: Any

    def _make(self, n_layers):
        return _core.add_to_row(*self._place(n_layers), _floats(self.vector))


@dataclasses.dataclass(frozen=True)
class SetComponent(_RowEdit):
    """w += (value - <w, u>) u, where u is the direction at length 1; 0 takes the component out"""

    direction: Any
    value: float = 0.0

    def _make(self, n_layers):
        return _core.set_component(*self._place(n_layers), _floats(self.direction), float(self.value))


@dataclasses.dataclass(frozen=True)
class ScaleComponent(_RowEdit):
    """w += (1 - factor) (about - <w, u>) u, where u is the direction at length 1"""

    direction: Any
    factor: float
    about: float = 0.0

    def _make(self, n_layers):
        return _core.scale_component(*self._place(n_layers), _floats(self.direction), float(self.factor),
                                     float(self.about))


@dataclasses.dataclass(frozen=True)
class ClipNorm(_RowEdit):
    """w *= min(1, norm / |w|)"""

    norm: float

    def _make(self, n_layers):
        return _core.clip_norm(*self._place(n_layers), float(self.norm))
