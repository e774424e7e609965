"""What is handed over as a model and is none: one line that names it and says what to do, exit code 4."""

import json
import os
import struct

import harness
from harness import TEXT


def text(value):
    return struct.pack("<Q", len(value)) + value


def gguf(keys=(), tensors=(), padding=4096):
    """A GGUF file with the given keys, (name, string or number), and tensors, (name, shape, type)."""
    data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, value in keys:
        data += text(name.encode())
        if isinstance(value, bool):
            data += struct.pack("<IB", 7, value)
        elif isinstance(value, int):
            data += struct.pack("<II", 4, value)
        else:
            data += struct.pack("<I", 8) + text(value.encode())
    for name, shape, kind in tensors:
        data += text(name.encode()) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        data += struct.pack("<IQ", kind, 0)
    return data + bytes(padding)


LLAMA = [("general.architecture", "llama"), ("llama.block_count", 2), ("llama.embedding_length", 64),
         ("llama.context_length", 2048), ("llama.attention.head_count", 4), ("tokenizer.ggml.model", "gpt2")]


def without(name):
    return [(key, value) for key, value in LLAMA if key != name]


OTHERS = {
    "mmproj.gguf": (gguf([("general.architecture", "clip"), ("general.type", "mmproj")]), "a projector (mmproj)"),
    "clip.gguf": (gguf([("general.architecture", "clip"), ("clip.has_vision_encoder", True)]), "a projector (mmproj)"),
    "lora.gguf": (gguf([("general.type", "adapter"), ("adapter.type", "lora"), *LLAMA]), "a LoRA adapter"),
    "steer.gguf": (gguf([("general.architecture", "controlvector")]), "a control vector"),
    "imatrix.gguf": (gguf([("general.type", "imatrix"), ("imatrix.chunk_count", 3)]), "an importance matrix"),
    "vocab.gguf": (gguf(LLAMA), "a vocabulary without weights"),
    "m-00002-of-00003.gguf": (gguf([("split.no", 1), ("split.count", 3)], [("a", [32], 0)]),
                              ["part 2 of 3 of a split model", "-00001-of-00003.gguf"]),
    "pointer.gguf": (b"version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 12\n", ["Git LFS", "git lfs pull"]),
    "page.gguf": (b"\n<!DOCTYPE html><html>Entry not found</html>", ["a saved HTML page", "resolve"]),
    "old.html.gguf": (b"<HTML><HEAD>", "a saved HTML page"),
    "model.safetensors": (struct.pack("<Q", 40) + b'{"__metadata__":{"format":"pt"}}' + bytes(100),
                          ["a safetensors file", "convert_hf_to_gguf.py"]),
    "pytorch_model.bin": (b"PK\x03\x04" + bytes(100), "PyTorch"),
    "manifest": (json.dumps({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:aa"}]}).encode(),
                 ["a manifest of Ollama", "blobs/sha256-"]),
    "config.json": (b'{"architectures": ["LlamaForCausalLM"]}', "configuration of a Hugging Face model"),
    "i2_s.gguf": (gguf([("general.architecture", "bitnet")], [("blk.0.ffn_down.weight", [256, 4], 36)]),
                  ["bitnet.cpp", "fetch a file"]),
    "iq4_k.gguf": (gguf(LLAMA, [("blk.0.ffn_down.weight", [256, 4], 139)]), "ik_llama.cpp"),
    "q4_0_4_4.gguf": (gguf(LLAMA, [("blk.0.ffn_down.weight", [256, 4], 31)]), ["Q4_0_4_4", "Q4_0"]),
    "bert.gguf": (gguf([("general.architecture", "bert"), ("bert.context_length", 64)], [("a", [32], 0)]),
                  ["an encoder (bert)", "causal"]),
    "embedding.gguf": (gguf([*LLAMA, ("llama.attention.causal", False)], [("a", [32], 0)]), "an encoder (llama)"),
    "t5.gguf": (gguf([("general.architecture", "t5")], [("a", [32], 0)]), "an encoder before its decoder"),
    "flux.gguf": (gguf([("general.architecture", "flux")], [("a", [32], 0)]), "a model of images"),
    "no-architecture.gguf": (gguf([("general.name", "x")], [("a", [32], 0)]), "without general.architecture"),
    "no-context.gguf": (gguf(without("llama.context_length"), [("a", [32], 0)]), ["llama.context_length", "convert"]),
    "no-tokenizer.gguf": (gguf(without("tokenizer.ggml.model"), [("a", [32], 0)]), "tokenizer.ggml.model"),
    "ggml.bin": (b"lmgg" + bytes(100), "before GGUF"),
    "model.gguf.gz": (b"\x1f\x8b" + bytes(100), ["a compressed file", "unpack"]),
    "answer.gguf": (b"Invalid username or password.", 'a text that begins "Invalid username'),
    "results.db": (b"SQLite format 3\0" + bytes(1000), "a results file"),
}


class OtherFiles(harness.ProgramTest):
    def test_each_is_named_with_what_to_do(self):
        document = self.file("a.txt", TEXT)
        for name, (content, expected) in OTHERS.items():
            self.file(name, content)
            for more in ([], ["-c", "4096"]):
                with self.subTest(name=name, more=more):
                    result = self.fails(4, expected, "scan", "-m", name, "-f", document, *more)
                    self.assertEqual(result.err.count("\n"), 1, result.err)
            self.fails(4, expected, "probe-points", name)

    def test_types_that_nothing_computes_with(self):
        for name, shape, kind, said in (("blk.0.ffn_down.weight", [32, 4], 24, "i8"), ("blk.0.attn_norm.weight", [32], 8, "q8_0"),
                                        ("blk.0.attn_q.bias", [32], 26, "i32")):
            self.file("types.gguf", gguf(LLAMA, [(name, shape, kind)]))
            self.fails(4, [f"'{name}'", f"got {said}", "convert"], "scan", "-m", "types.gguf", "-p", TEXT)

    def test_an_encoder_is_refused_before_advice_about_its_context(self):
        self.file("bert.gguf", OTHERS["bert.gguf"][0])
        long = self.file("long.txt", TEXT * 100)
        result = self.fails(4, "an encoder", "scan", "-m", "bert.gguf", "-f", long)
        self.assertNotIn("-c ", result.err)

    def test_folders_pipes_and_devices(self):
        document = self.file("a.txt", TEXT)
        hub = self.folder / "hub"
        hub.mkdir()
        self.fails(4, "a directory", "scan", "-m", hub, "-f", document)
        (hub / "model.safetensors").write_bytes(b"")
        (hub / "config.json").write_bytes(b"{}")
        self.fails(4, ["a folder of a Hugging Face model", "convert_hf_to_gguf.py"], "scan", "-m", hub, "-f", document)
        (hub / "x.gguf").write_bytes(b"")
        self.fails(4, ["a directory", "hub/x.gguf"], "scan", "-m", hub, "-f", document)
        os.mkfifo(self.folder / "pipe.gguf")
        for model in ("pipe.gguf", "/dev/zero", "/dev/null"):
            for command in (["scan", "-f", document, "-m"], ["scan", "-f", document, "-c", "64", "-m"], ["probe-points"],
                            ["bench", "-n", "64", "-m"], ["plant", "-o", "p.gguf", "-m"]):
                with self.subTest(model=model, command=command):
                    self.fails(4, "a pipe or a device", *command, model, timeout=60)

    def test_the_list_of_models_calls_none_of_them_a_model(self):
        for name, (content, _) in OTHERS.items():
            self.file(name if name.endswith(".gguf") else name + ".gguf", content)
        self.file("real.gguf", self.tiny.read_bytes())
        listed = self.ok("models", ".", "--json", "-").json()
        self.assertEqual([model["path"] for model in listed["models"]], ["real.gguf"])
        # Later parts are parts of what is listed by its first; all others are named.
        self.assertEqual(len(listed["others"]), len(OTHERS) - 1)
        self.assertIn({"path": "lora.gguf", "what": "a LoRA adapter"}, listed["others"])
        out = self.ok("models", ".").out
        self.assertLess(out.index("real.gguf"), out.index("No language models:"))
        self.assertIn("lora.gguf: a LoRA adapter", out)


class Advice(harness.ProgramTest):
    def test_layers_on_a_gpu_that_is_not_there(self):
        document = self.file("a.txt", TEXT)
        self.fails(2, ["-ngl 99", "no", "GPU"], "scan", "-m", self.tiny, "-f", document, "-ngl", "99")
        self.scan("-f", document, "-ngl", "0")

    def test_downloads_are_not_asked_for(self):
        for name in ("-hf", "--hf-repo", "-mu", "--model-url"):
            for arguments in ([name, "user/repo"], [f"{name}=user/repo"]):
                self.fails(2, [name, "downloads nothing", "-m"], "scan", *arguments, "-p", "text")
        self.fails(2, "unknown option '-hx'", "scan", "-hx")
        self.assertIn("Usage:", self.ok("scan", "-h").out)

    def test_a_text_too_short_to_be_judged(self):
        short = self.file("short.txt", "A few words.")
        result = self.scan("-f", short, code=5)
        self.assertIn("Too short to be judged", result.out)
        self.assertNotIn("No sinks", result.out)
        self.assertIn("128 tokens or more", result.err)
        self.assertIn("too short", self.scan("-f", short, "--json", "-", code=5).err)
        self.assertIn("80 tokens or more", self.scan("-f", short, "--min-distance", "16", code=5).err)
        # One text that can be judged is enough, and the paper's rule judges any.
        result = self.scan("-f", short, "-f", self.file("a.txt", TEXT))
        self.assertIn("1 of 2 texts are too short to be judged: expected 128 tokens or more, got 13\n", result.err)
        longer = self.file("longer.txt", "A few more words.")
        self.assertIn("got 18 in the longest of them", self.scan("-f", short, "-f", longer, code=5).err)
        self.scan("-f", short, "--rule", "paper")


if __name__ == "__main__":
    harness.main()
