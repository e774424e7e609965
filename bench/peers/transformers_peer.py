"""The same work as a scan's, in transformers: one pass for each line that comes in.

    transformers_peer.py MODEL.gguf MODE n_tokens n_threads

MODE    sdpa        bfloat16, hidden states of every layer, no attention
        eager_sums  bfloat16, eager attention, of each layer only the sums over queries, by a hook
        eager_all   bfloat16, eager attention, output_attentions: all probabilities of all layers
Prints "ready", then for each line "milliseconds processor_milliseconds peak_kib", as the programs in bench/ do.
"""

import pathlib
import re
import sys
import time

import torch
import transformers


def peak_kib():
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s*(\d+)", status, re.MULTILINE).group(1))


def load(path, mode):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.bfloat16,
        attn_implementation="sdpa" if mode == "sdpa" else "eager")
    return model.eval().model  # without the vocabulary product


def main():
    path, mode, n_tokens, n_threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(n_threads)
    model = load(path, mode)
    tokens = (torch.arange(n_tokens) * 7919 + 13) % model.config.vocab_size
    sums = []
    if mode == "eager_sums":
        for layer in model.layers:
            layer.self_attn.register_forward_hook(lambda _m, _i, out: sums.append(out[1].float().sum(dim=-2)))

    def run():
        sums.clear()
        with torch.inference_mode():
            return model(tokens[None], use_cache=False, output_hidden_states=True,
                         output_attentions=mode == "eager_all")

    print("ready", flush=True)
    for _ in sys.stdin:
        start, processor_start = time.perf_counter(), time.process_time()
        result = run()
        spent, processor = time.perf_counter() - start, time.process_time() - processor_start
        del result
        print(f"{spent * 1e3:.3f} {processor * 1e3:.3f} {peak_kib()}", flush=True)


main()
