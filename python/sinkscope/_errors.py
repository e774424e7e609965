"""Errors that begin in Python."""

import difflib
import math

from ._core import Error


def error(code, message):
    """An Error of this code: "usage", "input", ..."""
    made = Error(message)
    made.code = code
    return made


def unknown(what, name, known):
    """An Error for a name that is not among the known ones; it tells the nearest, or all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    expected = f"the nearest is '{near[0]}'" if near else f"expected one of {', '.join(known)}"
    return error("usage", f"{what}: got '{name}', which there is not; {expected}")


def whole(name, value, least, most):
    """The value as an int.

    throws  Error "usage" if it is no whole number in [least, most]
    """
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = None
    if number is None or number != value or not least <= number <= most:
        raise error("usage", f"{name}: expected a whole number from {least} to {most}, got {value!r}")
    return number


def number(name, value, least, most):
    """The value as a float.

    throws  Error "usage" if it is no number in [least, most]
    """
    try:
        made = float(value)
    except (TypeError, ValueError):
        made = math.nan
    if not least <= made <= most:
        raise error("usage", f"{name}: expected a number from {least} to {most}, got {value!r}")
    return made


def choice(name, value, known):
    """The value, which must be one of the known ones."""
    if value not in known:
        raise error("usage", f"{name}: expected one of {', '.join(known)}; got {value!r}")
    return value
