"""Attention sinks of language models: which tokens they are, in which layers, and how much attention they draw.

    import sinkscope as ss

    model = ss.Model("model.gguf")
    scan = model.scan("The sum of two numbers is 83 ...")
    scan.sinks.to_pandas()      # one row a sink, the primary among them
    scan["far_boost"]           # numpy [n_layers, n_tokens], NaN where not measured

Figures are those of the program `sinkscope`, bit for bit, under the same options. Layers and positions count from 0; the
embedding is layer -1. docs/python.md says more.
"""

from . import hooks, plot
from ._core import Error, Progress, __version__
from ._edits import AddToRow, ClipNorm, HideKeys, ReplaceRow, ScaleComponent, SetComponent
from ._model import Document, Model
from ._results import Results, open
from ._scan import Scan, levels, save
from ._table import Table
from ._thresholds import thresholds

__all__ = [
    "AddToRow", "ClipNorm", "Document", "Error", "HideKeys", "Model", "Progress", "ReplaceRow", "Results",
    "ScaleComponent", "Scan", "SetComponent", "Table", "__version__", "hooks", "levels", "open", "plot", "save",
    "thresholds",
]
