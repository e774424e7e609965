"""Errors that begin in Python, and what is handed over as what was meant by it: whole numbers, words, lists, positions.

Whatever Python itself says of a value that cannot be taken becomes an Error in `taken`.
"""

import contextlib
import difflib
import os
import re

import numpy

from ._core import Error


def error(code, message):
    """An Error of this code: "usage", "input", ..."""
    made = Error(message)
    made.code = code
    return made


def shown(value):
    """A value in an error's line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_SHORT = {"-c": "ctx_size", "-dev": "device"}


@contextlib.contextmanager
def options_named_as(keywords):
    """Errors of the library name options as the program does; here they name keywords, where these have them."""
    def named(found):
        keyword = _SHORT.get(found[0], found[0].lstrip("-").replace("-", "_"))
        return keyword if keyword in keywords else f"{found[0]} (of the program)"

    try:
        yield
    except Error as failed:
        failed.args = (_OPTION.sub(named, str(failed)),)
        raise


@contextlib.contextmanager
def taken(name, expected, value):
    """throws  Error "usage" in place of what Python or NumPy says of a value"""
    try:
        yield
    except (TypeError, ValueError, OverflowError, AttributeError):
        raise error("usage", f"{name}: expected {expected}, got {shown(value)}") from None


def _nearness(name, known):
    """From 0 to 1; names that have a word in common are near."""
    words = [{word for word in one.split("_") if len(word) > 2} for one in (name, known)]
    ratio = difflib.SequenceMatcher(None, name, known).ratio()
    return max(ratio, 0.6) if words[0] & words[1] and not any(mark in name for mark in ". ") else ratio


def unknown(what, name, known):
    """An Error for a name that is not among the known ones; it tells the nearest, or all of them."""
    near = max(known, key=lambda one: _nearness(str(name), one), default=None)
    is_near = near is not None and _nearness(str(name), near) >= 0.5
    expected = f"the nearest is '{near}'" if is_near else f"expected one of {', '.join(known)}"
    return error("usage", f"{what}: got {shown(name)}, which there is not; {expected}")


def is_whole(value):
    """Whether it is a whole number, and no flag."""
    return isinstance(value, (int, numpy.integer)) and not isinstance(value, (bool, numpy.bool_))


def whole(name, value, least, most):
    """The value as an int.

    throws  Error "usage" if it is no whole number in [least, most]; flags are none
    """
    expected = f"a whole number from {least} to {most}"
    with taken(name, expected, value):
        number = int(value)
        if isinstance(value, (bool, numpy.bool_, str, bytes)) or number != value or not least <= number <= most:
            raise ValueError
    return number


def number(name, value, least, most):
    """The value as a float.

    throws  Error "usage" if it is no number in [least, most]
    """
    with taken(name, f"a number from {least} to {most}", value):
        made = float(value)
        if isinstance(value, (bool, numpy.bool_, str, bytes)) or not least <= made <= most:
            raise ValueError
    return made


def floats(name, vector):
    """The numbers of one axis, as a tuple of float."""
    with taken(name, "numbers of one axis", vector):
        return tuple(float(number) for number in vector)


def flag(name, value):
    """The value as a bool; a word is none."""
    with taken(name, "True or False", value):
        if not isinstance(value, (bool, numpy.bool_)) and value not in (0, 1):
            raise ValueError
        return bool(value)


def word(name, value):
    """The value, which must be a str."""
    if not isinstance(value, str):
        raise error("usage", f"{name}: expected a str, got {shown(value)}")
    return value


def choice(name, value, known):
    """The value, which must be one of the known ones."""
    if not isinstance(value, str) or value not in known:
        raise error("usage", f"{name}: expected one of {', '.join(known)}; got {shown(value)}")
    return value


def listed(name, value):
    """A list; one str, or one path, is a list of one."""
    if isinstance(value, (str, bytes, os.PathLike)):
        return [value]
    with taken(name, "one or several, in a list", value):
        return list(value)


def words(name, value, known=None):
    """Of one word, or several: a list of str, each of them known where the known ones are named."""
    return [choice(name, one, known) if known else word(name, one) for one in listed(name, value)]


def path_of(name, value):
    """A path as a str, from the root: it means the same file when the process is in another folder."""
    with taken(name, "a path", value):
        return os.path.abspath(os.fsdecode(value))


def positions(name, value, most=2**31 - 1, fewest=1):
    """Positions of tokens, or numbers of layers: whole numbers, or a mask, a bool for each, which means where it is True.

    value   any iterable: a list, a range, an array
    returns a tuple of int
    throws  Error "usage" if one is neither, or above `most`, or there are too few
    """
    with taken(name, "whole numbers, or a mask of bools", value):
        given = list(numpy.asarray(value).tolist() if hasattr(value, "__array__") else value)
    if given and all(isinstance(one, (bool, numpy.bool_)) for one in given):
        given = [i for i, is_meant in enumerate(given) if is_meant]
    if len(given) < fewest:
        raise error("usage", f"{name}: expected at least one, got none")
    return tuple(whole(name, one, 0, most) for one in given)
