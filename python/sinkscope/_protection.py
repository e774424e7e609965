"""Which tokens and heads a key-value cache must keep: protect, detector, head_reach."""

import json
import os

import numpy

from . import _core
from ._analyses import file_of, limit_of, show_count, words_of
from ._errors import error, whole
from ._progress import told
from ._thresholds import named


class Detector:
    """A rule that names a sink as soon as its state has passed one block (docs/protect.md): by Model.detector(), or from a
    file of it (sinkscope.detector/1), of which `protect --detector` of the program writes one too.

        length = numpy.linalg.norm(h, axis=-1)      # h: the output of block `layer`
        (length >= min_norm_ratio * ordinary_norm) & (h @ axis >= min_cosine * length)

    throws  Error "input" if it is no such file
    """

    def __init__(self, path):
        self._core = _core.load_detector(os.fsdecode(path))

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
        array = numpy.ascontiguousarray(states, dtype=numpy.float32)
        if array.ndim != 2:
            raise error("usage", f"states: expected an array [n_tokens, d_model], got one of {array.ndim} axes")
        return numpy.array(self._core.named(array), dtype=numpy.int32)

    def save(self, path):
        """Writes it as safetensors (sinkscope.detector/1). The file has all but `kl`; recall and precision to six digits."""
        self._core.save(os.fsdecode(path))

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
        self._core.save(os.fsdecode(folder))

    def __repr__(self):
        n_layers, n_kv_heads = self.beyond.shape
        return f"<sinkscope.HeadReach of {self._core.model}: {n_layers} layers, {n_kv_heads} KV heads>"


def _seed(seed):
    return whole("seed", seed, 0, 2**63)


def protect(model, texts, caches, draws, seed, documents, detector, progress, thresholds):
    with file_of(model, texts) as path, told(progress, show_count) as tell:
        found = model._model.protect(path=path, caches=words_of("caches", caches), draws=whole("draws", draws, 1, 1000),
                                     seed=_seed(seed), documents=limit_of(documents), detector=bool(detector),
                                     thresholds=named(thresholds), progress=tell)
    return json.loads(found)


def detector(model, texts, caches, seed, documents, progress, thresholds):
    with file_of(model, texts) as path, told(progress, show_count) as tell:
        return Detector._of(model._model.detector(path=path, caches=words_of("caches", caches), seed=_seed(seed),
                                                  documents=limit_of(documents), thresholds=named(thresholds),
                                                  progress=tell))


def head_reach(model, texts, sink_size, recent_size, documents, progress):
    with file_of(model, texts) as path, told(progress, show_count) as tell:
        return HeadReach(model._model.head_reach(path=path, sink_size=whole("sink_size", sink_size, 0, 10**9),
                                                 recent_size=whole("recent_size", recent_size, 1, 10**9),
                                                 documents=limit_of(documents), progress=tell))
