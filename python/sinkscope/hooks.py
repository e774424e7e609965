"""Names of places in a network: TransformerLens's hook names, and sinkscope's own.

Each name means an array of one run. sinkscope's own names are `embedding` and `blocks.L.NAME`, where NAME is one of

    attention_input, mid_residual, mlp_input, block_output, attention_write, mlp_write    [n_tokens, width]
    cached_keys (after RoPE), cached_values                                               [n_tokens, KV heads x head size]
    attention_sums, far_attention_sums                                                    [n_heads, n_tokens]
    key_norm, value_norm                                                                  [n_tokens]

TransformerLens's names of the same arrays are in the table of docs/python.md, which TRANSFORMER_LENS makes.
"""

import re

from . import _core
from ._errors import error, unknown, word

# TransformerLens's name, with L for the layer -> sinkscope's. `hook_resid_pre` of block 0 is the embedding.
TRANSFORMER_LENS = {
    "hook_embed": "embedding",
    "blocks.L.hook_resid_pre": "blocks.L-1.block_output",
    "blocks.L.hook_attn_out": "blocks.L.attention_write",
    "blocks.L.hook_resid_mid": "blocks.L.mid_residual",
    "blocks.L.hook_mlp_out": "blocks.L.mlp_write",
    "blocks.L.hook_resid_post": "blocks.L.block_output",
}
# In TransformerLens's manner, of arrays that it has not: sums over the queries of `hook_pattern`, and norms.
IN_THEIR_MANNER = {
    "blocks.L.attn.hook_pattern_sums": "blocks.L.attention_sums",
    "blocks.L.attn.hook_far_pattern_sums": "blocks.L.far_attention_sums",
    "blocks.L.attn.hook_k_norm": "blocks.L.key_norm",
    "blocks.L.attn.hook_v_norm": "blocks.L.value_norm",
}
_OWN = {"embedding": "embedding",
        **{f"blocks.L.{name}": f"blocks.L.{name}" for name in _core.captured_names() if name != "embedding"}}
_ALL = {**_OWN, **TRANSFORMER_LENS, **IN_THEIR_MANNER}
_LAYER = re.compile(r"(?<=^blocks\.)-?\d+(?=\.)")


def point_of(name, n_layers):
    """What a name means: ("block_output", 14).

    throws  Error "usage" for a name that means nothing here, with the nearest one, or a layer that there is not
    """
    found = _LAYER.search(word("hook", name))
    layer = int(found[0]) if found else None
    general = _LAYER.sub("L", name)
    if general not in _ALL:
        raise unknown("hook", name, [known.replace("L", str(layer), 1) if found else known for known in _ALL])
    if found is None and "L" in name.split("."):
        example = name.replace(".L.", ".0.")
        raise error("usage", f"hook {name}: expected the number of a layer in place of L, got none; {example}, for one")
    if found and not 0 <= layer < n_layers:
        raise error("usage", f"hook {name}: expected a layer from 0 to {n_layers - 1}, got {layer}")
    own = _ALL[general]
    if own == "embedding":
        return "embedding", -1
    _, which, point = own.split(".")
    if which == "L-1":
        return ("embedding", -1) if layer == 0 else (point, layer - 1)
    return point, layer


def hook_of(point, layer):
    """TransformerLens's name of a point, or sinkscope's own where it has none: the way back from point_of.

    throws  Error "usage" for a point that there is not
    """
    general = "embedding" if point == "embedding" else f"blocks.L.{point}"
    if general not in _OWN:
        raise unknown("point", point, _core.captured_names())
    theirs = {own: name for name, own in {**IN_THEIR_MANNER, **TRANSFORMER_LENS}.items()}
    return theirs.get(general, general).replace("L", str(layer), 1)
