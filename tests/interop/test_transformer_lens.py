"""The same network in TransformerLens: our column sums are sums of its patterns, our states its hooks."""

import numpy
import pytest

from conftest import TEXT

torch = pytest.importorskip("torch")
pytest.importorskip("transformer_lens")

TOLERANCE = 1e-4  # float32 on both sides, of sums over some hundred queries


@pytest.fixture(scope="module")
def lens(hf_model):
    """The weights of transformers's model in TransformerLens, with nothing folded into anything."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_llama_weights

    config = hf_model.config
    theirs = HookedTransformerConfig(
        n_layers=config.num_hidden_layers, d_model=config.hidden_size, n_ctx=config.max_position_embeddings,
        n_heads=config.num_attention_heads, n_key_value_heads=config.num_key_value_heads,
        d_head=config.hidden_size // config.num_attention_heads, d_mlp=config.intermediate_size, act_fn="silu",
        d_vocab=config.vocab_size, eps=config.rms_norm_eps, normalization_type="RMS", gated_mlp=True, final_rms=True,
        positional_embedding_type="rotary", rotary_dim=config.hidden_size // config.num_attention_heads,
        rotary_base=10000, rotary_adjacent_pairs=False, original_architecture="LlamaForCausalLM", dtype=torch.float32,
        device="cpu")
    model = HookedTransformer(theirs)
    model.load_and_process_state_dict(convert_llama_weights(hf_model, theirs), fold_ln=False, center_writing_weights=False,
                                      center_unembed=False, fold_value_biases=False)
    return model.eval()


def test_names_mean_the_same_numbers(lens, converted):
    tokens = converted.tokenize(TEXT)
    with torch.no_grad():
        _, theirs = lens.run_with_cache(torch.tensor(tokens.astype(numpy.int64))[None], prepend_bos=False)
    names = ["hook_embed"] + [f"blocks.{layer}.{name}" for layer in range(3)
                              for name in ("hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out",
                                           "hook_resid_post")]
    ours = converted.run_with_cache(tokens, names)
    for name in names:
        expected = theirs[name][0].numpy()
        scale = numpy.abs(expected).max()
        assert ours[name].shape == expected.shape
        assert numpy.abs(ours[name] - expected).max() <= TOLERANCE * scale, name


def test_column_sums_are_sums_of_their_patterns(lens, converted):
    tokens = converted.tokenize(TEXT)
    with torch.no_grad():
        _, theirs = lens.run_with_cache(torch.tensor(tokens.astype(numpy.int64))[None], prepend_bos=False)
    n = len(tokens)
    far = numpy.arange(n)[:, None] - numpy.arange(n)[None] >= 8  # the model's min_distance
    for layer in range(3):
        pattern = theirs[f"blocks.{layer}.attn.hook_pattern"][0].numpy()  # [n_heads, queries, keys]
        names = [f"blocks.{layer}.attn.hook_pattern_sums", f"blocks.{layer}.attn.hook_far_pattern_sums"]
        ours = converted.run_with_cache(tokens, names)
        visible = n - numpy.arange(n)
        assert numpy.abs((ours[names[0]] - pattern.sum(axis=1)) / visible).max() <= TOLERANCE
        assert numpy.abs((ours[names[1]] - (pattern * far).sum(axis=1)) / visible).max() <= TOLERANCE
