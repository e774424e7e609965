"""Thresholds of the evidence rule, by the names of the program's options."""

from typing import NamedTuple, Union

import numpy

from . import _core
from ._errors import number, unknown

_INFOS = {info.name: info for info in _core.threshold_infos()}


class Threshold(NamedTuple):
    """One of the rule: what it is unless something is said, from where to where it goes, what it is."""

    default: Union[int, float]
    least: float
    most: float
    about: str


def _shortest(value):
    """The shortest number that means the same float32."""
    return float(str(numpy.float32(value)))


def thresholds():
    """All thresholds of the rule: name -> (default, least, most, about), a Threshold. It may be given where thresholds are:
    scan.under(**thresholds()) judges by the defaults."""
    return {name: Threshold(int(info.value) if info.is_whole else _shortest(info.value), _shortest(info.least),
                            _shortest(info.most), info.help)
            for name, info in _INFOS.items()}


def named(changes, before=(), options=()):
    """What the extension takes: [(name, number)].

    before   what holds where nothing is said: [(name, number)]
    options  names of the caller's other options, of which one may have been meant
    throws   Error "usage" if there is no such name, and says which is the nearest; the extension checks bounds
    """
    found = dict(before)
    for name, value in changes.items():
        if name not in _INFOS:
            raise unknown("option" if options else "threshold", name, [*options, *_INFOS])
        if isinstance(value, Threshold):
            value = value.default
        found[name] = number(name, value, float("-inf"), float("inf"))
    return list(found.items())
