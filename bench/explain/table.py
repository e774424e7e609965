#!/usr/bin/env python3
"""The verdicts of `sinkscope explain` on real models, natural and planted sinks: figures of docs/explain.md.

    table.py --program build/release/src/cli/sinkscope --models FOLDER [--only WORD] [--work build/explain]

Models are smollm2.gguf, qwen25coder.gguf and gemma3.gguf in FOLDER. Results files are kept in the work folder, so that what was
measured is not measured again. Prints one Markdown table a case.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROSE = {name: ROOT / "bench" / "thresholds" / "texts" / f"{name}.txt" for name in ("harbour", "observatory", "mean_values", "triangles")}
EXAMPLES = {name: ROOT / "examples" / f"{name}.txt" for name in ("mathematics", "number-theory", "triangle")}
TEXTS = PROSE | EXAMPLES
# What is planted: by these texts, tried on those.
CALIBRATION, HELD_OUT = ("harbour", "mean_values", "mathematics"), ("observatory", "triangles", "number-theory", "triangle")
NORMS = {"smollm2": (14, (300, 600, 1500, 3000, 6000)), "qwen25coder": (10, (60, 200, 700, 1200))}


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


class Table:
    def __init__(self, options):
        self.program, self.models, self.work = options.program, options.models, options.work
        self.work.mkdir(parents=True, exist_ok=True)

    def files(self, names):
        return [part for name in names for part in ("-f", TEXTS[name])]

    def explain(self, name, model, *scan, options=()):
        results = self.work / f"{name}.scan.db"
        if not results.exists():
            run(self.program, "scan", "-q", "-m", model, *scan, "-o", results)
        return json.loads(run(self.program, "explain", "-q", "-m", model, *options, results, "--json", "-"))

    def natural(self, name, model, *scan, options=()):
        explained = self.explain(name, self.models / f"{model}.gguf", *scan, options=options)
        print(f"\n## {name} ({explained['model']['name']})\n")
        self.claims(explained)
        self.runs(explained)

    def claims(self, explained):
        print("| claim | kind | verdict | effect | 95 % | p | null | sinks | sequences | |\n|---|---|---|---:|---|---:|---:|---:|---:|---|")
        for claim in explained["claims"]:
            interval = claim["interval_95"]
            print(f"| {claim['claim']} | {claim['kind']} | {claim['verdict']} | {shown(claim['effect'])} | "
                  f"{'' if interval is None else f'{interval[0]:.2f} to {interval[1]:.2f}'} | {shown(claim['p'])} | {shown(claim['null'])} | "
                  f"{claim['n_sinks']} | {claim['n_sequences']} | {claim['sentence']} |")

    def runs(self, explained):
        runs = [run for sequence in explained["sequences"] for run in sequence["runs"]]
        for kind in ("secondary", "primary_like"):
            of_kind = [one for one in runs if one["kind"] == kind]
            if not of_kind:
                continue
            made = collections.Counter(f"{one['peak']['largest'][0]['part']} {one['peak']['largest'][0]['layer']}" for one in of_kind if one["peak"])
            neurons = collections.Counter(f"{one['neurons']['layer']}:{one['neurons']['list'][0]['neuron']}" for one in of_kind if one["neurons"])
            ends = collections.Counter(one["end"]["cause"] for one in of_kind)
            layers = collections.Counter(f"{one['l_start']}-{one['l_end']}" for one in of_kind)
            print(f"\n{kind}: {len(of_kind)} sinks; layers {listed(layers)}; largest part {listed(made)}; neurons {listed(neurons)}; ends {listed(ends)}")
        for one in explained["formation"]:
            null = one["null"]
            if null["n_pretended"]:
                print(f"{one['kind']}: pretended {null['pretended_formed']} of {null['n_pretended']} formed, permuted axes "
                      f"{null['permuted_formed']} of {null['n_permuted']}")
        for one in explained["map"]:
            auc = {name: one["decision"][name]["auc"] for name in ("state", "attention_write", "mlp_input", "mlp_write")}
            print(f"map, {one['kind']}, MLP {one['layer']}: R {one['input_norm_median']:.1f}; hits at R {shown(one['hits_typical'])} (isotropic "
                  f"{shown(one['null']['isotropic_typical']['hits_frac'])}), at 1 {shown(one['hits_unit'])} "
                  f"({shown(one['null']['isotropic_unit']['hits_frac'])}); median cosine of chance at R {shown(one['null']['isotropic_typical']['cos_p50'])}; "
                  f"sinks' heights {shown(one['inputs']['sink_height_min'])} and more, ordinary p99 {shown(one['inputs']['ordinary_height_p99'])}; "
                  f"half at {shown(one['path']['half_at'])}; AUC {', '.join(f'{name} {shown(value)}' for name, value in auc.items())}")

    def planted(self, model):
        layer, norms = NORMS[model]
        planted = self.work / f"{model}.planted.gguf"
        if not planted.exists():
            sinks = [part for word, norm in zip((" of", " two", " with", " there", " would"), norms)
                     for part in ("--sink", f"layer={layer},token='{word}',norm={norm}")]
            run(self.program, "plant", "-q", "-m", self.models / f"{model}.gguf", *self.files(CALIBRATION), *sinks, "-o", planted)
        explained = self.explain(f"{model}.planted", planted, *self.files(HELD_OUT))
        print(f"\n## planted in {model}, layer {layer}, norms {norms}\n")
        self.claims(explained)
        self.runs(explained)
        tall = [run for sequence in explained["sequences"] for run in sequence["runs"]
                if run["kind"] == "secondary" and run["l_start"] == layer and run["norm_ratio"] >= 5]
        right = [run for run in tall if run["start"]["largest"][0]["part"] == "mlp" and run["start"]["largest"][0]["layer"] == layer]
        shares = [run["neurons"]["list"][0]["share"] for run in tall if run["neurons"]]
        cosines = [run["neurons"]["list"][0]["down_cos"] for run in tall if run["neurons"]]
        print(f"\nnorm ratio 5 and more: {len(tall)} sinks; largest part MLP {layer} in {len(right)}; first neuron's share at least "
              f"{min(shares, default=0):.2f}, its down_cos at least {min(cosines, default=0):.3f}; neurons "
              f"{listed(collections.Counter(run['neurons']['list'][0]['neuron'] for run in tall if run['neurons']))}")
        edited = [edit for run in tall for edit in run["edits"] if edit["layer"] == layer and not edit["placebo"]]
        print(f"axis part out: {sum(edit['axis']['removed'] for edit in edited)} of {len(edited)} removed")
        for norm in explained["norm"]:
            if norm["n"]:
                print(f"{norm['kind']}: {norm['n']} runs; gap at infinity {shown(norm['gap_at_infinity'])}, slope {shown(norm['slope_inverse'])}, "
                      f"R^2 {shown(norm['r2_inverse'])} (on log {shown(norm['r2_log'])}); within token {shown(norm['partial_gap_within_token'])}")


def shown(value):
    return "" if value is None else f"{value:.3g}"


def listed(counts):
    return ", ".join(f"{name} ({n})" for name, n in counts.most_common(6))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "explain")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    table = Table(options)
    chats = table.work / "chats.jsonl"
    chats.write_text(run(sys.executable, HERE / "chats.py"))
    of_examples = [part for name in EXAMPLES for part in ("-f", EXAMPLES[name])]
    cases = {
        "triangle": lambda: table.natural("triangle", "qwen25coder", "-f", EXAMPLES["triangle"], options=("--layers", "2,3,4,5")),
        "chats": lambda: table.natural("chats", "qwen25coder", "--chat", "--jsonl", chats),
        "smollm2": lambda: table.natural("smollm2", "smollm2", *of_examples),
        "gemma3": lambda: table.natural("gemma3", "gemma3", *of_examples, *table.files(PROSE)),
        "planted smollm2": lambda: table.planted("smollm2"),
        "planted qwen25coder": lambda: table.planted("qwen25coder"),
    }
    for name, measure in cases.items():
        if options.only in name:
            measure()
            sys.stdout.flush()


if __name__ == "__main__":
    main()
