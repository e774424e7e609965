"""Thresholds of the evidence rule, by the names of the program's options."""

from . import _core
from ._errors import error, unknown

_INFOS = {info.name: info for info in _core.threshold_infos()}


def thresholds():
    """All thresholds of the rule: name -> (default, least, most, what it is)."""
    return {name: (int(info.value) if info.is_whole else info.value, info.least, info.most, info.help)
            for name, info in _INFOS.items()}


def named(changes):
    """What the extension takes: [(name, number)].

    throws  Error "usage" for a name that there is not, with the nearest; values are checked by the extension
    """
    pairs = []
    for name, value in changes.items():
        if name not in _INFOS:
            raise unknown("threshold", name, list(_INFOS))
        try:
            pairs.append((name, float(value)))
        except (TypeError, ValueError):
            raise error("usage", f"{name}: expected a number, got {value!r}") from None
    return pairs
