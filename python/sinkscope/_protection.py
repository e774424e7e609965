"""Which tokens and heads a key-value cache must keep: protect, detector, head_reach."""

import json

import numpy

from . import _core
from ._analyses import limit_of, run_of, seed_of
from ._errors import error, flag, path_of, taken, whole, words


class Detector:
    """A rule that names a sink as soon as its state has passed one block (docs/protect.md): by Model.detector(), or from a
    file of it (sinkscope.detector/1), of which `protect --detector` of the program writes one too.

        length = numpy.linalg.norm(h, axis=-1)      # h: the output of block `layer`
        (length >= min_norm_ratio * ordinary_norm) & (h @ axis >= min_cosine * length)

    throws  Error "input" if it is no such file
    """

    def __init__(self, path):
        self._core = _core.load_detector(path_of("path", path))

    @classmethod
    def _of(cls, core):
        detector = cls.__new__(cls)
        detector._core = core
        return detector

    @property
    def model(self):
        """The name of the model that it is of."""
        return self._core.model

    @property
    def layer(self):
        """The block whose output it looks at."""
        return self._core.layer

    @property
    def axis(self):
        """float32 [d_model], length 1: the primary's direction there; not a copy."""
        return self._core.axis

    @property
    def ordinary_norm(self):
        """The norm there of tokens that are no sinks; a median."""
        return self._core.ordinary_norm

    @property
    def min_norm_ratio(self):
        """Threshold of a state's norm over the ordinary one."""
        return self._core.min_norm_ratio

    @property
    def min_cosine(self):
        """Threshold of a state's cosine with the axis."""
        return self._core.min_cosine

    @property
    def recall(self):
        """Of documents that did not choose it; None of fewer than 8."""
        return self._core.recall

    @property
    def precision(self):
        """Likewise; None also where nothing was named."""
        return self._core.precision

    @property
    def reason(self):
        """What recall and precision rest on, or why there are none."""
        return self._core.reason

    @property
    def kl(self):
        """What caches lose that keep what it names: a list of dicts. Empty of a file, and where no caches were asked for."""
        return self.to_dict()["kl"]

    def to_dict(self):
        """The member `detector` of the program's JSON (sinkscope.protect/1)."""
        return json.loads(self._core.json())

    def names(self, states):
        """The positions of the tokens that it names: int32, ascending.

        states  [n_tokens, d_model], outputs of block `layer` in the order of the text:
                model.run_with_cache(text, f"blocks.{layer}.hook_resid_post")
        throws  Error "usage" for another shape
        """
        with taken("states", "an array [n_tokens, d_model]", states):
            array = numpy.ascontiguousarray(states, dtype=numpy.float32)
        if array.ndim != 2:
            raise error("usage", f"states: expected an array [n_tokens, d_model], got one of {array.ndim} axes")
        return numpy.array(self._core.named(array), dtype=numpy.int32)

    def save(self, path):
        """Writes it as safetensors (sinkscope.detector/1). The file has all but `kl`; recall and precision to six digits."""
        self._core.save(path_of("path", path))

    def __repr__(self):
        known = "" if self.recall is None else f", recall {self.recall:.3f}"
        return f"<sinkscope.Detector of {self.model}: block {self.layer}{known}>"


class HeadReach:
    """What each KV head reads beyond the tokens that a streaming head keeps (docs/protect.md#duoattention)."""

    def __init__(self, core):
        self._core = core

    @property
    def beyond(self):
        """float64 [n_layers, n_kv_heads], 0 to 1: attention on keys outside the first and the last tokens; not a copy."""
        return self._core.beyond

    @property
    def sink_size(self):
        """First tokens that a streaming head keeps."""
        return self._core.sink_size

    @property
    def recent_size(self):
        """Last tokens that it keeps."""
        return self._core.recent_size

    @property
    def n_sequences(self):
        """Texts that are long enough."""
        return self._core.n_sequences

    @property
    def n_queries(self):
        """Queries of them with keys outside both."""
        return self._core.n_queries

    def save(self, folder):
        """Writes DuoAttention's folder: config.json and full_attention_heads.tsv. Files of these names are replaced."""
        self._core.save(path_of("folder", folder))

    def __repr__(self):
        n_layers, n_kv_heads = self.beyond.shape
        return f"<sinkscope.HeadReach of {self._core.model}: {n_layers} layers, {n_kv_heads} KV heads>"


def protect(model, texts, caches, draws, seed, documents, detector, progress, thresholds):
    options = {"caches": words("caches", caches), "draws": whole("draws", draws, 1, 1000), "seed": seed_of(seed),
               "documents": limit_of(documents), "detector": flag("detector", detector)}
    with run_of(model, texts, thresholds, progress) as (core, arguments):
        return json.loads(core.protect(**options, **arguments))


def detector(model, texts, caches, seed, documents, progress, thresholds):
    options = {"caches": words("caches", caches), "seed": seed_of(seed), "documents": limit_of(documents)}
    with run_of(model, texts, thresholds, progress) as (core, arguments):
        return Detector._of(core.detector(**options, **arguments))


def head_reach(model, texts, sink_size, recent_size, documents, progress):
    options = {"sink_size": whole("sink_size", sink_size, 0, 10**9),
               "recent_size": whole("recent_size", recent_size, 1, 10**9), "documents": limit_of(documents)}
    with run_of(model, texts, {}, progress) as (core, arguments):
        del arguments["thresholds"]  # it asks no rule
        return HeadReach(core.head_reach(**options, **arguments))
