"""A small Llama that transformers makes, its folder as `save_pretrained` leaves it, and the same as sinkscope sees it."""

import importlib.util
import os
import pathlib
import sys

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "python"))  # tiny_model
PROGRAM = os.environ["SINKSCOPE_PROGRAM"]
LINES = [line.encode("ascii", "ignore").decode() for page in ("README.md", "HACKING.md", "docs/python.md", "docs/impact.md")
         for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if len(line) > 20]
TEXT = " ".join(LINES[:40])[:900]


def needs(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def hf_model():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=400, hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
        tie_word_embeddings=False, initializer_range=0.3, dtype="float32", attn_implementation="eager")
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def hf_folder(hf_model, tmp_path_factory):
    """With a tokeniser of 400 pieces, trained on the project's own pages."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("hf") / "tiny-llama"
    hf_model.save_pretrained(folder)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_prefix=str(folder / "tokenizer"), vocab_size=400, model_type="bpe",
        byte_fallback=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, hard_vocab_limit=True, minloglevel=2,
        normalization_rule_name="identity", remove_extra_whitespaces=False)
    (folder / "tokenizer.vocab").unlink()
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", '
        '"add_bos_token": true, "add_eos_token": false, "legacy": true}')
    return folder


@pytest.fixture(scope="session")
def converted(hf_folder, cache):
    """The folder as sinkscope opens it."""
    import sinkscope as ss

    return ss.Model(hf_folder, precision="f32", cache_type_k="f32", min_distance=8)
