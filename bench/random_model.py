#!/usr/bin/env python3
"""A GGUF model of random weights with the shape of a real one. Standard library only.

    random_model.py SHAPE TYPE OUT

One random block is written again and again, at offsets that no row's length divides, so it takes seconds. Norms have a
gain of 1, weights a deviation of about 0.02: activations stay finite and attention is spread.
"""

import argparse
import concurrent.futures
import math
import os
import struct
import sys

SHAPES = {  # architecture, layers, d_model, heads, KV heads, head_dim, d_ff, vocabulary, RoPE base, tied embedding
    "qwen3-14b": ("qwen3", 40, 5120, 40, 8, 128, 17408, 151936, 1e6, False),
    "llama-8b": ("llama", 32, 4096, 32, 8, 128, 14336, 128256, 5e5, False),
    "llama-1b": ("llama", 16, 2048, 32, 8, 64, 8192, 128256, 5e5, True),
    "qwen2.5-0.5b": ("qwen2", 24, 896, 14, 2, 64, 4864, 151936, 1e6, True),
}
TYPES = {"bf16": 30, "q8_0": 8}  # ggml's numbers; f32 is 0
FILE_TYPES = {"bf16": 32, "q8_0": 7}
CONTEXT = 40960


def n_bytes(kind, n):
    return {"f32": 4 * n, "bf16": 2 * n, "q8_0": n // 32 * 34}[kind]


def random_block(kind):
    """Some 16 MiB; its number of units is a prime."""
    if kind == "bf16":
        n = 8388593
        high = bytes(0x3C | (b & 1) << 7 for b in range(256))  # a sign, and exponents for 0.008 to 0.031
        block = bytearray(2 * n)
        block[0::2] = os.urandom(n)
        block[1::2] = os.urandom(n).translate(high)
        return bytes(block), 2
    n = 493447
    block = bytearray(34 * n)
    block[0::34], block[1::34] = b"\x7d" * n, b"\x0c" * n  # a scale of 0.00027
    for i in range(2, 34):
        block[i::34] = os.urandom(n)
    return bytes(block), 34


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    return text(key) + struct.pack("<I", 8) + text(value)


def vocabulary(n):
    """Bytes, then names without a meaning."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    names = [chr(b) if b in visible else chr(next(hidden)) for b in range(256)] + [f"<t{i}>" for i in range(256, n)]
    tokens = b"".join(map(text, names))
    return [entry("tokenizer.ggml.model", "gpt2"), entry("tokenizer.ggml.pre", "qwen2"),
            text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, n) + tokens,
            text("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, n) + struct.pack(f"<{n}i", *[1] * n),
            text("tokenizer.ggml.merges") + struct.pack("<IIQ", 9, 8, 1) + text("a b")]


def metadata(shape, kind):
    arch, layers, d, heads, kv_heads, head_dim, d_ff, vocab, base, _ = SHAPES[shape]
    numbers = {"block_count": layers, "context_length": CONTEXT, "embedding_length": d, "feed_forward_length": d_ff,
               "attention.head_count": heads, "attention.head_count_kv": kv_heads, "attention.key_length": head_dim,
               "attention.value_length": head_dim, "rope.dimension_count": head_dim,
               "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": float(base), "vocab_size": vocab}
    return [entry("general.architecture", arch), entry("general.name", f"random {shape} {kind}"),
            entry("general.file_type", FILE_TYPES[kind]),
            *(entry(f"{arch}.{key}", value) for key, value in numbers.items()), *vocabulary(vocab)]


def tensors(shape, kind):
    """Name, type and dimensions, the innermost first."""
    arch, layers, d, heads, kv_heads, head_dim, d_ff, vocab, _, tied = SHAPES[shape]
    yield "token_embd.weight", kind, (d, vocab)
    yield "output_norm.weight", "f32", (d,)
    if not tied:
        yield "output.weight", kind, (d, vocab)
    q, k = heads * head_dim, kv_heads * head_dim
    for i in range(layers):
        for name, dims in {"attn_norm": (d,), "ffn_norm": (d,), "attn_q": (d, q), "attn_k": (d, k), "attn_v": (d, k),
                           "attn_output": (q, d), "ffn_gate": (d, d_ff), "ffn_up": (d, d_ff),
                           "ffn_down": (d_ff, d)}.items():
            yield f"blk.{i}.{name}.weight", kind if len(dims) > 1 else "f32", dims
        if arch == "qwen3":
            yield f"blk.{i}.attn_q_norm.weight", "f32", (head_dim,)
            yield f"blk.{i}.attn_k_norm.weight", "f32", (head_dim,)
        if arch == "qwen2":
            for name, n in (("q", q), ("k", k), ("v", k)):
                yield f"blk.{i}.attn_{name}.bias", "f32", (n,)


def pieces(at, size, block, unit, phase):
    """What is to be written where, of a tensor of random weights."""
    phase = phase % (len(block) // unit) * unit
    while size > 0:
        part = min(size, len(block) - phase)
        yield at, phase, part
        at, size, phase = at + part, size - part, (phase + part) % len(block)


def write(shape, kind, out):
    all_tensors = list(tensors(shape, kind))
    infos, places, offset = [], [], 0
    for name, kind_of, dims in all_tensors:
        n = math.prod(dims)
        number = TYPES.get(kind_of, 0)
        infos.append(text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) +
                     struct.pack("<IQ", number, offset))
        places.append((name, kind_of, n, offset))
        offset += (n_bytes(kind_of, n) + 31) // 32 * 32
    entries = metadata(shape, kind)
    header = struct.pack("<IIQQ", 0x46554747, 3, len(all_tensors), len(entries)) + b"".join(entries) + b"".join(infos)
    start = (len(header) + 31) // 32 * 32
    block, unit = random_block(kind)
    view = memoryview(block)
    with open(out, "wb") as file:
        file.write(header)
        file.truncate(start + offset)
        file.flush()
        descriptor = file.fileno()

        def write_piece(piece):
            at, phase, part = piece
            while part > 0:
                n = os.pwrite(descriptor, view[phase:phase + part], at)
                at, phase, part = at + n, phase + n, part - n

        work = []
        for i, (name, kind_of, n, at) in enumerate(places):
            if kind_of == "f32":
                value = 0.0 if name.endswith("bias") else 1.0
                os.pwrite(descriptor, struct.pack("<f", value) * n, start + at)
            else:
                work += pieces(start + at, n_bytes(kind_of, n), block, unit, i * 506731)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(write_piece, work))


def main():
    parser = argparse.ArgumentParser(description="Writes a model of random weights.")
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=TYPES)
    parser.add_argument("out")
    options = parser.parse_args()
    write(options.shape, options.type, options.out)


if __name__ == "__main__":
    sys.exit(main())
