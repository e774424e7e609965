"""kvpress: a press that keeps the tokens that were measured, and prunes others."""

import numpy
import pytest

import sinkscope as ss
from conftest import TEXT

torch = pytest.importorskip("torch")
kvpress = pytest.importorskip("kvpress")


@pytest.fixture(scope="module")
def tokens(converted):
    return converted.tokenize(TEXT)


def prefilled(hf_model, tokens):
    """The cache after a prefill: keys [n_kv_heads, n_left, head_dim] of the first layer."""
    from transformers import DynamicCache

    cache = DynamicCache()
    ids = torch.from_numpy(tokens.astype(numpy.int64))[None]
    with torch.no_grad():
        # kvpress reads the positions from the layer's arguments, to which later transformers no longer add them.
        hf_model(ids, past_key_values=cache, cache_position=torch.arange(ids.shape[1]))
    return cache.layers[0].keys[0]


def pruned(hf_model, press, tokens):
    with press(hf_model):
        return prefilled(hf_model, tokens)


def test_a_press_keeps_the_measured_tokens(hf_model, converted, tokens):
    scan = converted.scan(tokens)
    mask = scan.mask("sinks") | (numpy.arange(len(tokens)) % 50 == 3)  # the small model was never trained
    keys = prefilled(hf_model, tokens)
    left = pruned(hf_model, ss.press.keeping(kvpress.KnormPress(0.5), mask), tokens)
    assert left.shape[1] == len(tokens) - len(tokens) // 2 or left.shape[1] == int(len(tokens) * 0.5)
    plain = pruned(hf_model, kvpress.KnormPress(0.5), tokens)
    assert plain.shape == left.shape
    for head in range(keys.shape[0]):
        there = {row.numpy().tobytes() for row in left[head]}
        assert all(keys[head, position].numpy().tobytes() in there for position in numpy.flatnonzero(mask))
        # The others are those that the press itself would take first.
        scores = -keys[head].norm(dim=-1)
        scores[torch.from_numpy(mask)] = torch.inf
        expected = {keys[head, position].numpy().tobytes() for position in scores.topk(left.shape[1]).indices}
        assert there == expected
    dropped = sum(keys[0, position].numpy().tobytes() not in {row.numpy().tobytes() for row in plain[0]}
                  for position in numpy.flatnonzero(mask))
    assert dropped > 0, "the press alone would have pruned some of them"


def test_what_cannot_be_kept(hf_model, tokens):
    with pytest.raises(ss.Error, match="expected room"):
        pruned(hf_model, ss.press.keeping(kvpress.KnormPress(0.9), numpy.ones(len(tokens), bool)), tokens)
    with pytest.raises(ss.Error, match="a press with scores"):
        ss.press.keeping(kvpress.ThinKPress(0.5), numpy.ones(3, bool))
