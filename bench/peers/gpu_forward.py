#!/usr/bin/env python3
"""transformers' bf16 forward pass on a GPU, of a model of random weights: what a scan is compared with.

    gpu_forward.py SHAPE LENGTH...      one line of JSON a length; SHAPE as in random_model.py
"""

import json
import pathlib
import sys
import time

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from random_model import CONTEXT, SHAPES  # noqa: E402

CLASSES = {"qwen3": "Qwen3", "llama": "Llama", "qwen2": "Qwen2"}
REPEATS = 5


def build(shape):
    arch, layers, d, heads, kv_heads, head_dim, d_ff, vocab, _, _ = SHAPES[shape]
    config = getattr(transformers, CLASSES[arch] + "Config")(
        vocab_size=vocab, hidden_size=d, intermediate_size=d_ff, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, head_dim=head_dim, max_position_embeddings=CONTEXT)
    config._attn_implementation = "sdpa"
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = getattr(transformers, CLASSES[arch] + "Model")(config).eval()
    torch.set_default_dtype(torch.float32)
    return model


@torch.inference_mode()
def main():
    shape, lengths = sys.argv[1], [int(n) for n in sys.argv[2:]]
    model = build(shape)
    for n in lengths:
        ids = (torch.arange(n, device="cuda") * 7919 + 13).remainder(model.config.vocab_size)[None]
        times = []
        for _ in range(REPEATS + 1):
            torch.cuda.synchronize()
            start = time.perf_counter()
            model(ids, use_cache=False)
            torch.cuda.synchronize()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"pass": "transformers", "shape": shape, "n_tokens": n, "best_ms": min(times[1:])}), flush=True)


main()
