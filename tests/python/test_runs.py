"""Losses, named places and edits."""

import pathlib
import threading

import numpy
import pytest

import sinkscope as ss
from tiny_model import letters

TEXT = letters(300, 3)


def test_losses_by_position(model, tiny):
    loss = model.loss(TEXT)
    assert loss.dtype == numpy.float32 and loss.shape == (301,)
    assert numpy.isnan(loss[-1]) and numpy.isfinite(loss[:-1]).all() and (loss[:-1] > 0).all()
    # A longer text begins with the same losses: nothing of later tokens is seen.
    longer = ss.Model(tiny, ubatch_size=128, precision="f32").loss(TEXT + "xyz")
    shorter = ss.Model(tiny, ubatch_size=128, precision="f32").loss(TEXT)
    assert numpy.allclose(longer[:300], shorter[:300], atol=1e-4)
    # exp(-loss) over all tokens that may come next is 1.
    prefix = [256, 97, 98]
    total = sum(numpy.exp(-float(model.loss([*prefix, token])[2])) for token in range(258))
    assert total == pytest.approx(1, abs=1e-3)


def test_what_a_run_shows(model, scan):
    names = ["hook_embed", "blocks.0.hook_resid_pre", "blocks.4.hook_resid_pre", "blocks.3.hook_resid_post",
             "blocks.3.hook_resid_mid", "blocks.3.hook_attn_out", "blocks.3.hook_mlp_out", "blocks.3.attention_input",
             "blocks.3.attn.hook_pattern_sums", "blocks.3.attn.hook_v_norm"]
    cache = model.run_with_cache(scan.tokens, names)
    assert list(cache) == names
    assert all(cache[name].shape == (401, 64) for name in names[:8])
    assert numpy.array_equal(cache["hook_embed"], cache["blocks.0.hook_resid_pre"])
    assert numpy.array_equal(cache["blocks.4.hook_resid_pre"], cache["blocks.3.hook_resid_post"])
    norm = numpy.linalg.norm(cache["blocks.3.hook_resid_post"], axis=1)
    assert numpy.allclose(norm, scan["hidden_norm"][3], rtol=1e-5)
    # What a block adds is what its parts write.
    pre = model.run_with_cache(scan.tokens, "blocks.3.hook_resid_pre")["blocks.3.hook_resid_pre"]
    assert numpy.allclose(pre + cache["blocks.3.hook_attn_out"], cache["blocks.3.hook_resid_mid"], atol=1e-2)
    assert numpy.allclose(cache["blocks.3.hook_resid_mid"] + cache["blocks.3.hook_mlp_out"],
                          cache["blocks.3.hook_resid_post"], atol=1e-2)
    sums = cache["blocks.3.attn.hook_pattern_sums"]
    assert sums.shape == (4, 401) and numpy.allclose(sums.sum(axis=1), 401, rtol=1e-4), "each query gives 1"
    visible = 401 - numpy.arange(401)
    assert numpy.allclose((sums / visible).mean(axis=0), scan["sink_score"][3], rtol=1e-4)
    assert cache["blocks.3.attn.hook_v_norm"].shape == (401,)


def test_names_go_both_ways():
    for point in ss.hooks._core.captured_names():
        layer = -1 if point == "embedding" else 5
        assert ss.hooks.point_of(ss.hooks.hook_of(point, layer), 8) == (point, layer)
    assert ss.hooks.hook_of("block_output", 14) == "blocks.14.hook_resid_post"
    assert ss.hooks.point_of("blocks.7.mlp_input", 8) == ("mlp_input", 7)


@pytest.mark.parametrize("name, says", [
    ("blocks.3.hook_resid_pst", "the nearest is 'blocks.3.hook_resid_post'"),
    ("blocks.3.attn.hook_pattern", "the nearest is 'blocks.3.attn.hook_pattern_sums'"),
    ("blocks.8.hook_resid_post", "expected a layer from 0 to 7, got 8"),
    ("blocks.-1.hook_resid_post", "expected a layer from 0 to 7, got -1"),
    ("nothing at all", "expected one of embedding, "),
])
def test_names_that_mean_nothing(model, name, says):
    with pytest.raises(ss.Error) as raised:
        model.run_with_cache("abc", [name])
    assert raised.value.code == "usage" and says in str(raised.value)


def test_the_table_of_names_is_in_the_docs():
    docs = (pathlib.Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    for theirs, own in {**ss.hooks.TRANSFORMER_LENS, **ss.hooks.IN_THEIR_MANNER}.items():
        assert f"| `{theirs}` | `{own}` |" in docs


def test_hidden_keys(model):
    plain, loss = model.scan(TEXT), model.loss(TEXT)
    with model.edit(ss.HideKeys(positions=[0], layers=range(4, 6))):
        edited = model.scan(TEXT)
        assert not numpy.array_equal(model.loss(TEXT)[:-1], loss[:-1])
    assert plain.edits == "" and "hide" in edited.edits
    before, after = plain["sink_score"], edited["sink_score"]
    assert numpy.array_equal(before[:4], after[:4], equal_nan=True), "earlier layers are as they were"
    assert after[4, 0] == 1 and before[4, 0] < 0.9, "only the token itself sees it"
    assert numpy.isnan(edited["far_boost"][4:6, 0]).all() and numpy.isfinite(edited["far_boost"][[3, 6], 0]).all()
    assert numpy.array_equal(model.scan(TEXT)["sink_score"], before, equal_nan=True), "the block is over"


def test_an_edit_holds_as_often_as_it_is_used(model):
    edit = ss.HideKeys((place for place in [0]), layers=(layer for layer in range(4, 6)))
    block = model.edit(edit)
    scans = []
    for _ in range(2):
        with block, block:
            scans += [model.scan(TEXT), model.scan(TEXT)]
    assert all(numpy.array_equal(scan["sink_score"], scans[0]["sink_score"], equal_nan=True) for scan in scans)
    assert scans[0].edits and model.scan(TEXT).edits == ""


def test_edits_are_those_of_one_thread_and_one_model(model, tiny):
    seen = []
    with model.edit(ss.HideKeys([2])):
        thread = threading.Thread(target=lambda: seen.append(model.scan(TEXT).edits))
        thread.start()
        thread.join()
        seen += [ss.Model(tiny).scan(TEXT).edits, model.scan(TEXT).edits]
    assert seen[:2] == ["", ""] and "hide keys 2" in seen[2]


def test_blocks_may_end_in_any_order(model):
    first, second = model.edit(ss.HideKeys([2])), model.edit(ss.HideKeys([3]))
    first.__enter__()
    second.__enter__()
    both = model.scan(TEXT).edits
    first.__exit__(None, None, None)
    one = model.scan(TEXT).edits
    second.__exit__(None, None, None)
    assert "keys 2 " in both and "keys 3 " in both and "keys 2 " not in one and "keys 3 " in one
    assert model.scan(TEXT).edits == ""


def test_edited_results_never_merge_with_plain_ones(model, tmp_path):
    model.scan(TEXT).save(tmp_path / "a.scan.db")
    with model.edit(ss.HideKeys([0])):
        edited = model.scan(TEXT)
    with pytest.raises(ss.Error, match="edits"):
        edited.save(tmp_path / "a.scan.db")


def test_vectors_that_are_changed(model):
    tokens = model.tokenize(TEXT)
    name = "blocks.2.hook_resid_post"
    row = numpy.arange(64, dtype=numpy.float32)

    def states(*edits):
        with model.edit(*edits):
            return model.run_with_cache(tokens, name)[name]

    plain = states()
    assert numpy.allclose(states(ss.ReplaceRow(name, 7, row))[7], row, rtol=1e-3)
    assert numpy.allclose(states(ss.AddToRow(name, 7, row))[7], plain[7] + row, rtol=1e-2, atol=0.05)
    unit = row / numpy.linalg.norm(row)
    assert states(ss.SetComponent(name, 7, row, 5.0))[7] @ unit == pytest.approx(5, rel=1e-2)
    assert states(ss.ScaleComponent(name, 7, row, 0.5))[7] @ unit == pytest.approx(plain[7] @ unit / 2, rel=2e-2, abs=0.02)
    assert numpy.linalg.norm(states(ss.ClipNorm(name, 0, 3.0))[0]) == pytest.approx(3, rel=1e-2)
    assert numpy.array_equal(states(ss.ReplaceRow(name, 7, row))[:7], plain[:7])
    with pytest.raises(ss.Error) as raised, model.edit(ss.ReplaceRow(name, 7, row[:5])):
        model.scan(TEXT)
    assert raised.value.code == "usage"
    with pytest.raises(ss.Error), model.edit(ss.HideKeys([5000])):
        model.loss(TEXT)
    assert numpy.array_equal(states(), plain)


def test_layers_are_joined_to_stretches():
    from sinkscope import _edits

    assert _edits._stretches([5, 3, 4, 9, 9]) == [(3, 5), (9, 9)]
