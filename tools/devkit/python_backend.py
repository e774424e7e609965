"""The build backend of pyproject.toml: scikit-build-core, after fetching what ./dev build fetches.

pip runs it for `pip install .` and `pip wheel .`. System packages are installed only where that is allowed without asking;
otherwise the build ends with the one line to run.
"""

import contextlib
import os

from scikit_build_core import build as _backend

from . import packages, python, steps
from .build import FETCHED

get_requires_for_build_sdist = _backend.get_requires_for_build_sdist
get_requires_for_build_wheel = _backend.get_requires_for_build_wheel
get_requires_for_build_editable = _backend.get_requires_for_build_editable
prepare_metadata_for_build_wheel = _backend.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = _backend.prepare_metadata_for_build_editable
build_sdist = _backend.build_sdist


@contextlib.contextmanager
def _outside_of_pip():
    """pip shows its own build environment to every Python that is started; the tools that fetch need none of it."""
    hidden = {name: os.environ.pop(name) for name in ("PYTHONPATH", "PYTHONNOUSERSITE") if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _settings(given):
    """The caller's settings, with the folders of what is fetched."""
    settings = dict(given or {})
    try:
        with _outside_of_pip():
            packages.ensure(packages.LIBRARY)
            python.ensure_headers()
            for name, fetch in FETCHED.items():
                if f"cmake.define.{name}" not in settings:
                    settings[f"cmake.define.{name}"] = str(fetch() or "")
    except steps.Failed as failure:
        raise SystemExit(f"sinkscope: {failure}") from None
    return settings


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _backend.build_wheel(wheel_directory, _settings(config_settings), metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _backend.build_editable(wheel_directory, _settings(config_settings), metadata_directory)
