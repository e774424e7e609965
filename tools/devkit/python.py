"""What the Python package is built and tested with."""

import pathlib
import sysconfig

from . import cache, packages, pins, steps

def ensure_headers():
    """Installs Python's headers where this is the system's Python and they are missing."""
    header = pathlib.Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists() and str(header).startswith("/usr/include/"):
        packages.ensure(["python3-dev"])
    if not header.exists():
        raise steps.Failed(f"Python: expected its headers, {header}, got none; install the package that has them")


def test_options():
    """What cmake is told so that the package is built and tested: nothing where that cannot be, which is said then."""
    try:
        ensure_headers()
        return ["-DSINKSCOPE_PYTHON=ON", f"-DPython_EXECUTABLE={cache.environment('python-tests', pins.PYTHON_TESTS)}"]
    except steps.Failed as failure:
        steps.say(f"{failure}\n\nThe tests of the Python package will be skipped.")
        return ["-DSINKSCOPE_PYTHON=OFF"]
