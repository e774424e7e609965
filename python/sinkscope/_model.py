"""An open model."""

import inspect
import os

import numpy

from . import _analyses, _core, _edits, _process, _protection, hooks
from ._errors import choice, error, flag, listed, number, options_named_as, path_of, whole, word, words
from ._progress import told
from ._scan import Scan
from ._texts import bytes_of, documents_of, one_document
from ._thresholds import named


def _show_tokens(bar, done):
    bar.total = done.tokens_total
    bar.update(done.tokens_done - bar.n)


def _optional(take, name, value, *bounds):
    return None if value is None else take(name, value, *bounds)


# Options of positions that are numbers: from where to where, as the program's.
_POSITION_NUMBERS = {
    "rope_freq_base": (1, 1e12), "rope_freq_scale": (1e-6, 1e3), "yarn_ext_factor": (0, 1), "yarn_attn_factor": (0, 1e3),
    "yarn_beta_slow": (0, 1e6), "yarn_beta_fast": (0, 1e6),
}


def _is_adapter(value):
    return isinstance(value, tuple) and len(value) == 2 and not isinstance(value[1], (str, bytes, os.PathLike, tuple))


def _deployment(cache_type_k, cache_type_v, rope_scaling, yarn_orig_ctx, override_kv, lora, position_numbers):
    types = _core.cache_type_names()
    settings = {
        "cache_type_k": choice("cache_type_k", cache_type_k, types),
        "cache_type_v": choice("cache_type_v", cache_type_v or ("f32" if cache_type_k == "f32" else "f16"), types),
        "rope_scaling": _optional(choice, "rope_scaling", rope_scaling, ("none", "linear", "yarn")),
        "yarn_orig_ctx": _optional(whole, "yarn_orig_ctx", yarn_orig_ctx, 1, 1 << 24),
        "override_kv": words("override_kv", override_kv),
        **{name: _optional(number, name, value, *_POSITION_NUMBERS[name]) for name, value in position_numbers.items()},
    }
    deployment = _core.Deployment()
    for name, value in settings.items():
        if value is not None:
            setattr(deployment, name, value)
    for adapter in [lora] if _is_adapter(lora) else listed("lora", lora):
        path, scale = adapter if _is_adapter(adapter) else (adapter, 1.0)
        deployment.add_lora(path_of("lora", path), number("lora: scale", scale, -1e6, 1e6))
    return deployment


def _gguf(path):
    """The path, or of a folder or a name of Hugging Face the file that it is converted to."""
    from . import convert

    file = path_of("path", path)
    if convert.is_folder(file):
        return convert.gguf_of(file)
    if not os.path.exists(file) and convert.is_name(os.fsdecode(path)):
        return convert.gguf_of(os.fsdecode(path))
    return file


class Model:
    """A GGUF model that scans texts. Options have the names of the program's.

    path            the file, or the first of a split model's; a folder of a Hugging Face model, or its name on the hub:
                    converted once, with the extra `convert` (docs/python.md)
    threads         0: as many as the process may have
    ctx_size        tokens that a text may have; 0: as many as the model was trained for
    ubatch_size     tokens of a micro-batch
    n_gpu_layers    -1: all that fit
    device          GPUs that take part, in this order; empty: all
    split_mode, main_gpu, rpc   as the program's
    rpc_timeout     longest silence of an RPC server that owes an answer, in seconds: more than a micro-batch takes it
    cache_type_k    of cached keys: "f16", "f32", "q8_0", ...
    cache_type_v    of cached values; None: as the keys where these are f32, else f16
    rope_scaling, rope_scale, rope_freq_base, rope_freq_scale, yarn_orig_ctx, yarn_ext_factor, yarn_attn_factor,
                    yarn_beta_slow, yarn_beta_fast   of positions, as the program's; None: as the model says. rope_scale=X
                    is rope_freq_scale=1/X
    override_kv     "KEY=TYPE:VALUE", in place of what the file's metadata say
    lora            adapters: paths, or pairs of a path and a scale
    precision       of products: "auto", "bf16", "f32", "native"
    parallel        short texts that run together; with more than 1 the last digits depend on what a text ran beside
    min_distance    queries at least so many positions later are far
    bos             "auto", "on", "off"
    chat_template   Jinja source by which chat messages are rendered; None: the model's own
    special         text that looks like a control token is one
    keep            "profiles": arrays by layer and token; "heads": by head too; "runs": none
    verbose         llama.cpp's own log on standard error
    thresholds      of the rule, by name: min_far_boost=5, ... (thresholds() lists them)

    One call at a time works on a model; calls from other threads wait, calls from its own progress are refused. Two models
    work at once. Other threads of Python go on meanwhile, and Ctrl-C stops before the next micro-batch.
    throws  Error "model" if the file cannot be loaded, "usage" if an option cannot be had
    cost    0.1 to 1 s: weights are mapped, not read
    """

    def __init__(self, path, *, threads=0, ctx_size=0, ubatch_size=512, n_gpu_layers=-1, device=(), split_mode="layer",
                 main_gpu=0, rpc=(), rpc_timeout=30, cache_type_k="f16", cache_type_v=None, rope_scaling=None,
                 rope_scale=None, rope_freq_base=None, rope_freq_scale=None, yarn_orig_ctx=None, yarn_ext_factor=None,
                 yarn_attn_factor=None, yarn_beta_slow=None, yarn_beta_fast=None, override_kv=(), lora=(),
                 precision="auto", parallel=1, min_distance=64, bos="auto", chat_template=None, special=False,
                 keep="profiles", verbose=False, **thresholds):
        _process.check()
        thresholds = named(thresholds, options=_OPTIONS)
        if rope_scale is not None:
            if rope_freq_scale is not None:
                raise error("usage", "expected one of rope_scale and rope_freq_scale, got both")
            rope_freq_scale = 1 / number("rope_scale", rope_scale, 1e-3, 1e6)
        deployment = _deployment(
            cache_type_k, cache_type_v, rope_scaling, yarn_orig_ctx, override_kv, lora,
            {"rope_freq_base": rope_freq_base, "rope_freq_scale": rope_freq_scale, "yarn_ext_factor": yarn_ext_factor,
             "yarn_attn_factor": yarn_attn_factor, "yarn_beta_slow": yarn_beta_slow, "yarn_beta_fast": yarn_beta_fast})
        template = b"" if chat_template is None else bytes_of("chat_template", chat_template)
        if template is None:
            raise error("usage", f"chat_template: expected a str, got {chat_template!r:.60}")
        file = _gguf(path)
        with options_named_as(_KEYWORDS):
            load = _core.LoadOptions(
                path=file, threads=whole("threads", threads, 0, 4096),
                ctx_size=whole("ctx_size", ctx_size, 0, 1 << 24), ubatch_size=whole("ubatch_size", ubatch_size, 1, 65536),
                n_gpu_layers=whole("n_gpu_layers", n_gpu_layers, -1, 1 << 16), device=words("device", device),
                split_mode=choice("split_mode", split_mode, ("layer", "none")), main_gpu=whole("main_gpu", main_gpu, 0, 1 << 10),
                rpc=words("rpc", rpc), rpc_timeout=number("rpc_timeout", rpc_timeout, 0.1, 1e6), deployment=deployment,
                precision=word("precision", precision), parallel=whole("parallel", parallel, 1, 1 << 10),
                verbose=flag("verbose", verbose))
            settings = _core.ScanSettings(
                min_distance=whole("min_distance", min_distance, 1, 1 << 20), bos=choice("bos", bos, ("auto", "on", "off")),
                chat_template=template, special=flag("special", special), keep=word("keep", keep), thresholds=thresholds)
            self._model = _core.Model(load, settings)
        self._thresholds = thresholds
        self._runs = _process.Runs(self._model, _KEYWORDS)

    @property
    def facts(self):
        """What the model is: name, arch, n_layers, d_model, n_heads [n_layers], ..."""
        return self._model.facts

    @property
    def notes(self):
        """What of the model's file, or of the settings, is odd and changes numbers: a list of str. Scan.notes says more."""
        return self._model.notes

    @property
    def precision(self):
        """In which numbers, and on which devices, it multiplies."""
        return self._model.precision

    @property
    def max_tokens(self):
        """Tokens that a text may have."""
        return self._model.max_tokens

    def _made_edits(self):
        return [edit._make(self.facts.n_layers) for edit in _edits.edits_of(self)]

    def tokenize(self, text):
        """The tokens of one text as the network would read them, with BOS where there is one: int32 [n_tokens].

        text    a str, bytes, token ids, chat messages or a Document
        """
        document = one_document(text)
        with self._runs.begin() as core:
            return numpy.array(core.tokens_of(document), dtype=numpy.int32)

    def scan(self, texts, *, progress=None):
        """Scans one text, or several.

        texts     one text: a str, bytes, token ids (a list, an array), chat messages ([{"role", "content"}, ...], or
                  {"messages": [...], "tools": [...]}) or a Document. Several: a list of such, or any iterable,
                  a column of a data set for one
        progress  True: a bar of tqdm; or a function that is given Progress before each micro-batch
        returns   a Scan, or a list of Scan in the order of the texts
        throws    Error "input" if a text is empty or longer than max_tokens; KeyboardInterrupt for Ctrl-C
        cost      one forward pass without the vocabulary product, 1.1 to 1.3 times as long for what is measured
        """
        documents, is_one = documents_of(texts)
        if not documents:
            return []
        edits = self._made_edits()
        with told(progress, _show_tokens, unit=" tokens") as tell, self._runs.begin() as core:
            found = [Scan(text, self._thresholds) for text in core.scan(documents, edits, tell)]
        return found[0] if is_one else found

    def loss(self, text):
        """Next-token losses in nats, float32 [n_tokens]: at t that of token t + 1; NaN at the last.

        throws  as scan; Error "model" if the network's logits cannot be had
        cost    one forward pass with the vocabulary product of every token
        """
        tokens, edits = self.tokenize(text).tolist(), self._made_edits()
        with self._runs.begin() as core:
            return core.loss(tokens, edits)

    def run_with_cache(self, text, names):
        """What one run shows at named places: {name: float32 array}, views that own their memory.

        names   TransformerLens's hook names, or sinkscope's own (sinkscope.hooks): states [n_tokens, width], sums over
                queries of attention [n_heads, n_tokens], norms [n_tokens]. There is no batch axis
        throws  Error "usage" if there is no such name, and says which is the nearest; "model" if this network does not show it
        cost    one forward pass, and a copy of what is asked for
        """
        names = words("names", names)
        wanted = [hooks.point_of(name, self.facts.n_layers) for name in names]
        tokens, edits = self.tokenize(text).tolist(), self._made_edits()
        with self._runs.begin() as core:
            return dict(zip(names, core.capture(tokens, wanted, edits)))

    def explain(self, texts, *, claims=_analyses.CLAIMS, kinds=_analyses.KINDS, layers=(), edit_sinks=8, seed=1,
                progress=None, **thresholds):
        """Says which writes make the sinks of texts, and what their norm decides: the program's `explain` as its JSON
        (sinkscope.explain/1, docs/explain.md), a dict.

        texts       a results file: Results, or its path, in which what is measured stays; or Scan objects
        thresholds  by name; others are those of the Results or scans, and for a path those of this model
        claims      "formation", "map", "norm", "primary"
        kinds       of the sinks that are explained: "secondary", "primary_like"
        layers      whose MLPs are mapped; none: where sinks are made
        edit_sinks  sinks of each kind whose writes are edited
        progress    True: a bar of tqdm; or a function that is given (done, total, what)
        throws      Error "input" if the texts are of another model, or none has a primary; KeyboardInterrupt for Ctrl-C
        cost        a pass of each text, and several of each edited sink
        """
        return _analyses.explain(self, texts, claims, kinds, layers, edit_sinks, seed, progress, thresholds)

    def ablate(self, texts, *, how=("knockout",), layers=None, sinks="nonprimary", draws=5, seed=1, documents=None,
               loss=True, score_margin=0.005, log_odds_margin=0.05, token_margin=0.01, progress=None, **thresholds):
        """Takes sinks away, and says what that does to the primary and to later tokens: Effects (docs/impact.md).

        texts      as of explain; measured in this model's precision, micro-batches and deployment
        how        "knockout", "evict:64", "unwrite", "scale:0.5", "clip:50", or several
        layers     in which writes are edited: "run", "first"; None: first for clip, else run
        sinks      "nonprimary", "secondary", "primary_like", "unaligned", "primary"; or a dict that names them
        draws      of the placebo, of each text
        documents  texts that are run, at most
        loss       losses of later tokens are measured too
        throws     as explain; Error "input" if no text has such sinks
        cost       for each text and edit 2 + draws passes
        """
        margins = {"score_margin": score_margin, "log_odds_margin": log_odds_margin, "token_margin": token_margin}
        return _analyses.ablate(self, texts, how, layers, sinks, draws, seed, documents, loss, margins, progress,
                                thresholds)

    def protect(self, texts, *, caches=("window:256",), draws=3, seed=1, documents=None, detector=False, progress=None,
                **thresholds):
        """Says which tokens a key-value cache must keep, or store exactly: the program's `protect` as its JSON
        (sinkscope.protect/1, docs/protect.md), a dict.

        texts     as of ablate; 16 documents are needed for a recommendation
        caches    "window:256", "q8_0", "q4_0", "q4_0:plain", "kivi4", "kivi2", or several
        detector  its member `detector` too: what detector() finds with these caches
        throws    as ablate
        cost      for each text and cache a pass for each different set of tokens; what the results file holds already is
                  not measured again, and what is measured is kept there
        """
        return _protection.protect(self, texts, caches, draws, seed, documents, detector, progress, thresholds)

    def detector(self, texts, *, caches=(), seed=1, documents=None, progress=None, **thresholds):
        """Makes a rule that names the texts' sinks by one block's output: a Detector (docs/protect.md#a-detector).

        texts   as of ablate; 8 documents are needed for recall and precision
        caches  of which is said what they lose if they keep what it names; as of protect
        throws  as ablate; Error "input" if no text has a primary, or a sink beside it
        cost    two passes of each text; of each cache one more, with its vocabulary product
        """
        return _protection.detector(self, texts, caches, seed, documents, progress, thresholds)

    def head_reach(self, texts, *, sink_size=64, recent_size=256, documents=None, progress=None):
        """Measures what each KV head reads beyond the first and the last tokens: a HeadReach (docs/protect.md#duoattention).

        texts        as of ablate; those of at least sink_size + recent_size + 64 tokens tell
        sink_size    first tokens that a streaming head keeps
        recent_size  last tokens that it keeps
        throws       as ablate; Error "input" if no text is long enough; Error "model" if a block shows no attention
        cost         a pass of each text
        """
        return _protection.head_reach(self, texts, sink_size, recent_size, documents, progress)

    def edit(self, *edits):
        """Changes every run of this thread inside a `with` block: scan, loss, run_with_cache.

        edits   HideKeys, ReplaceRow, AddToRow, SetComponent, ScaleComponent, ClipNorm, in this order, after those of
                outer blocks. Runs of other threads are as they were. Results under edits never merge with others in a file
        throws  Error "usage" for what is no edit
        """
        return _edits.Edited(self, edits)

    def __repr__(self):
        facts = self.facts
        return f"<sinkscope.Model {facts.name}: {facts.type}, {facts.n_layers} layers>"


def _keywords_of(call):
    return [name for name, of in inspect.signature(call).parameters.items() if of.kind is of.KEYWORD_ONLY]


_OPTIONS = _keywords_of(Model)
# By these the library's errors name what the program's options are.
_KEYWORDS = {*_OPTIONS, *(name for call in (Model.explain, Model.ablate, Model.protect, Model.detector, Model.head_reach)
                          for name in _keywords_of(call))}
