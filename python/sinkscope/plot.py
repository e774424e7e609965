"""Figures by matplotlib, which is asked for when one is made. Each returns the Axes that it drew on."""

import numpy

from ._errors import error
from ._results import Results
from ._scan import Scan, scans_of

_ORDINARY = "0.6"
_PRIMARY = "tab:red"
_SINK = "tab:blue"


def _axes(axes):
    if axes is not None:
        return axes
    import matplotlib.pyplot

    return matplotlib.pyplot.subplots()[1]


def _one(scan):
    if not isinstance(scan, Scan):
        raise error("usage", f"expected one scan, got a {type(scan).__name__}")
    return scan


def map(scan, quantity="far_boost", *, log=True, ax=None, **imshow):
    """A quantity by layer and token.

    quantity  one of scan.array_names with an axis of layers and one of tokens
    log       colours by the logarithm, where all that is measured is above 0 or 0
    imshow    passed on to Axes.imshow
    """
    values = _one(scan)[quantity]
    if values.shape != (scan.n_layers, scan.n_tokens):
        raise error("usage", f"map: expected an array [n_layers, n_tokens], got '{quantity}', which has axes of "
                             f"{' and '.join(str(size) for size in values.shape)}")
    from matplotlib.colors import LogNorm

    axes = _axes(ax)
    measured = values[numpy.isfinite(values)]
    if log and "norm" not in imshow and measured.size and measured.min() >= 0 and measured.max() > 0:
        smallest = measured[measured > 0].min()
        imshow["norm"] = LogNorm(vmin=max(smallest, measured.max() / 1e4), vmax=measured.max(), clip=True)
    image = axes.imshow(values, **{"aspect": "auto", "origin": "lower", "interpolation": "nearest", **imshow})
    axes.figure.colorbar(image, ax=axes, label=quantity)
    axes.set(xlabel="token", ylabel="layer", title=scan.name)
    return axes


def norms(scan, *, ax=None):
    """Norms of the states by layer: the primary, each sink, and the middle half of all other tokens."""
    norm = _one(scan)["hidden_norm"]
    axes = _axes(ax)
    layers = numpy.arange(scan.n_layers)
    others = norm[:, ~scan.mask("sinks")]
    if others.shape[1] > 0:
        low, middle, high = numpy.nanquantile(others, [0.25, 0.5, 0.75], axis=1)
        axes.fill_between(layers, low, high, color=_ORDINARY, alpha=0.4, linewidth=0)
        axes.plot(layers, middle, color=_ORDINARY, label="other tokens")
    sinks = scan.sinks
    drawn = set()
    for position, kind in zip(sinks["position"], sinks["kind"]):
        is_primary = kind == "primary"
        axes.plot(layers, norm[:, position], color=_PRIMARY if is_primary else _SINK, linewidth=2 if is_primary else 1,
                  label=None if kind in drawn else kind)
        drawn.add(kind)
    axes.set(xlabel="layer", ylabel="norm of the state", yscale="log", title=scan.name)
    axes.legend()
    return axes


def levels(scans, *, ax=None):
    """First and last layers of sinks beside the primary: a disc for each pair, by how many sinks have it.

    scans  Scan objects, one or several, or Results
    """
    if isinstance(scans, Results):
        tables, n_layers = [scans.sinks], scans.facts.n_layers
    else:
        scans = scans_of(scans)
        if not scans:
            raise error("usage", "levels: expected at least one scan, got none")
        tables, n_layers = [scan.sinks for scan in scans], scans[0].n_layers
    axes = _axes(ax)
    pairs = [pair for table in tables
             for kind, *pair in zip(table["kind"], table["l_start"], table["l_end"]) if kind != "primary"]
    axes.plot([0, n_layers - 1], [0, n_layers - 1], color=_ORDINARY, linewidth=1, zorder=0)
    if pairs:
        places, counts = numpy.unique(numpy.array(pairs), axis=0, return_counts=True)
        axes.scatter(places[:, 0], places[:, 1], s=30 + 300 * counts / counts.max(), color=_SINK, alpha=0.6)
        for (l_start, l_end), count in zip(places, counts):
            axes.annotate(str(count), (l_start, l_end), ha="center", va="center", fontsize="small")
    axes.set(xlabel="first layer", ylabel="last layer", xlim=(-1, n_layers), ylim=(-1, n_layers))
    return axes
