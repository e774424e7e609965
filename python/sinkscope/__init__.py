"""Attention sinks of language models: which tokens they are, in which layers, and how much attention they draw.

    import sinkscope as ss

    model = ss.Model("model.gguf")
    scan = model.scan("The sum of two numbers is 83 ...")
    scan.sinks.to_pandas()      # one row a sink, the primary among them
    scan["far_boost"]           # numpy [n_layers, n_tokens], NaN where not measured

Figures are those of the program `sinkscope`, bit for bit, under the same options. Layers and positions count from 0; the
embedding is layer -1. docs/python.md says more.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import convert, hooks, plot, press, ray
    from ._analyses import Effects
    from ._core import Error, Progress, __version__
    from ._edits import AddToRow, ClipNorm, HideKeys, ReplaceRow, ScaleComponent, SetComponent
    from ._model import Model
    from ._protection import Detector, HeadReach
    from ._results import Results, open
    from ._scan import Scan, levels, merge, save
    from ._table import Table
    from ._texts import Document
    from ._thresholds import thresholds

# Where each name is: modules, numpy and the library are loaded when one of them is first used.
_HOMES = {
    "_core": ("Error", "Progress", "__version__"),
    "_analyses": ("Effects",),
    "_edits": ("AddToRow", "ClipNorm", "HideKeys", "ReplaceRow", "ScaleComponent", "SetComponent"),
    "_model": ("Model",),
    "_protection": ("Detector", "HeadReach"),
    "_results": ("Results", "open"),
    "_scan": ("Scan", "levels", "merge", "save"),
    "_table": ("Table",),
    "_texts": ("Document",),
    "_thresholds": ("thresholds",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("convert", "hooks", "plot", "press", "ray")

__all__ = [
    "AddToRow", "ClipNorm", "Detector", "Document", "Effects", "Error", "HeadReach", "HideKeys", "Model", "Progress",
    "ReplaceRow", "Results", "ScaleComponent", "Scan", "SetComponent", "Table", "__version__", "convert", "hooks",
    "levels", "merge", "open", "plot", "press", "ray", "save", "thresholds",
]


def __getattr__(name):
    import importlib

    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME_OF:
        value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *__all__})
