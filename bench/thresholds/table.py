#!/usr/bin/env python3
"""How the rule's default thresholds do on planted sinks, on controls and on unplanted models: docs/thresholds.md.

    table.py --program build/release/src/cli/sinkscope --models FOLDER [--seeds 3] [--only smollm2] [-o docs/thresholds.md]

Plants sinks in SmolLM2-135M, Qwen2.5-Coder-0.5B and Gemma 3 270M (smollm2.gguf, qwen25coder.gguf, gemma3.gguf in FOLDER)
by `sinkscope plant`, and reads other texts than those it planted with by `sinkscope validate --grid --controls`. What these
answered is kept in build/thresholds and not asked for again: delete that folder to begin anew. Half an hour on two
cores, of which 20 seeds take most.
"""

import argparse
import collections
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TEXTS = {name: HERE / "texts" / f"{name}.txt" for name in ("harbour", "observatory", "mean_values", "triangles")}
TEXTS |= {name: ROOT / "examples" / f"{name}.txt" for name in ("mathematics", "number-theory")}
# What planting reads, and what it is tested on: mathematics and other prose on both sides.
FOLDS = [(("harbour", "mean_values", "mathematics"), ("observatory", "triangles")),
         (("observatory", "triangles", "number-theory"), ("harbour", "mean_values"))]
# About 1, 3, 8 and 32 sinks a text.
WORDS = [{1: "mean", 3: "would", 8: "with", 32: "of"}, {1: "if", 3: "two", 8: "there", 32: "of"}]
NAMES = {"smollm2": "SmolLM2-135M", "qwen25coder": "Qwen2.5-Coder-0.5B", "gemma3": "Gemma 3 270M"}
# (sinks a text, layer, norm) of each fold; each its own planted model.
PLANTS = {
    "smollm2": [[(sinks, layer, norm) for layer in range(12, 17) for sinks, norm in ((1, 4000), (3, 2500), (8, 1500), (32, 4000))],
                [(1, 14, 4000), (3, 14, 2500), (8, 14, 1500), (32, 14, 4000)]],
    "qwen25coder": [[(1, 8, 700), (3, 10, 400), *((8, layer, 300) for layer in range(8, 13)), (32, 10, 700)],
                    [(8, 10, 700)]],
    "gemma3": [[(8, 3, 11000), (32, 3, 11000), (8, 4, 7000), (32, 4, 7000)]],
}
# Where every other direction is planted too.
CONTROLS = {"smollm2": (0, (8, 14, 1500)), "qwen25coder": (0, (8, 10, 300)), "gemma3": (0, (8, 3, 11000))}
DEFAULTS = ("raw", 0.9, 3.0, 5.0)  # src/sinks/detection.h


def run(command, codes=(0,)):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def measure(program, models, model, fold, plant, seeds, work):
    """One planted model, tried on the texts that its planting did not see."""
    sinks, layer, norm = plant
    answer = work / f"{model}-{fold}-{sinks}-{layer}.json"
    if answer.exists():
        return json.loads(answer.read_text())
    source, planted = models / f"{model}.gguf", work / f"{model}.planted.gguf"
    calibration, held_out = ([part for name in names for part in ("-f", TEXTS[name])] for names in FOLDS[fold])
    sink = f"layer={layer},token=' {WORDS[fold][sinks]}',norm={norm}"
    print(f"{model} {sink}", flush=True)
    run([program, "plant", "-q", "-m", source, *calibration, "--sink", sink, "-o", planted])
    part = answer.with_suffix(".part")
    wanted = seeds and CONTROLS[model] == (fold, plant)
    controls = ["--controls", "--control-seeds", seeds, "--scratch", work] if wanted else []
    # Whether a floor is missed is for the reader of the table.
    run([program, "validate", "-q", "-m", planted, *held_out, "--base", source, "--grid", *controls, "--json", part],
        codes=(0, 6))
    truth = json.loads((work / f"{model}.planted.truth.json").read_text())
    answered = json.loads(part.read_text())
    answered["calibration_norm_measured"] = truth["sinks"][0]["norm_measured"]
    answer.write_text(json.dumps(answered))
    planted.unlink()
    return answered


def key(row):
    return (row["alignment"], round(row["min_alignment"], 3), row["min_norm_ratio"], row["min_far_boost"])


NO_SINKS = ("none", "opposite", "orthogonal", "token", "mean")  # as is_no_sink in src/plant/threshold_grid.cpp


class Sums:
    """One row of the grid, over models and texts."""

    def __init__(self):
        self.counts = collections.Counter()
        self.false_reports, self.ordinary = [0] * 10, [0] * 10

    def add(self, row, ordinary):
        for name in ("places", "found", "l_start_exact", "reported", "correct"):
            self.counts[name] += row[name]
        for direction, tally in row["controls"].items():
            group = "none" if direction in NO_SINKS else direction
            self.counts[group, "places"] += tally["places"]
            self.counts[group, "reported"] += tally["reported"]
        if ordinary:
            self.false_reports = [a + b for a, b in zip(self.false_reports, row["false_reports_by_decile"])]
            self.ordinary = [a + b for a, b in zip(self.ordinary, ordinary)]

    def part(self, some, all_):
        return f"{self.counts[some] / self.counts[all_]:.3f}" if self.counts[all_] else "-"

    def cells(self):
        total = sum(self.ordinary)
        worst = max(f / o for f, o in zip(self.false_reports, self.ordinary) if o)
        return [self.part("found", "places"), self.part("correct", "reported"), self.part("l_start_exact", "found"),
                *(self.part((g, "reported"), (g, "places")) for g in ("none", "permuted", "channel", "no-channels")),
                f"{sum(self.false_reports)}/{total}", f"{100 * worst:.2f} %"]


def table(head, rows):
    aligned = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, aligned, *rows]) + "\n"


def shown(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def planted_table(answers):
    rows = []
    for (model, fold, plant), a in answers.items():
        s = a["sinks"][0]
        rows.append([NAMES[model], s["layer"], f"`{s['token']}`", f"{s['places'] / a['texts']['n_sequences']:.1f}",
                     f"{s['norm']:.0f}", shown(s["norm_ratio_asked"], 1), f"{s['found']}/{s['places']}",
                     f"{a['strong']['found']}/{a['strong']['places']}", f"{s['l_start_exact']}/{s['found']}",
                     f"{s['secondary']}/{s['found']}", f"{a['correct']} + {a['spilled']} of {a['reported']}",
                     shown(s["far_boost_median"], 1), shown(s["attention_lifetime_median"], 0),
                     f"{a['primary']['score_unplanted']:.3f} to {a['primary']['score']:.3f}",
                     f"{100 * a['primary']['fall_frac']:.0f} %"])
    return table(["model", "layer", "token", "places a text", "norm", "norm ratio", "found", "where it was written",
                  "l_start exact", "secondary", "reports", "far boost", "attention lifetime", "primary's score", "falls by"], rows)


def shown_boost(spread):
    if spread["p05"] == spread["p95"]:
        return f"{spread['median']:.2f}"
    return f"{spread['median']:.1f} ({spread['p05']:.1f} to {spread['p95']:.1f})"


def control_table(answers):
    order, boosts, kinds, scores = [], collections.defaultdict(list), collections.defaultdict(collections.Counter), {}
    for (model, _, _), a in answers.items():
        for row in a.get("controls", ()):
            name = row["direction"]
            if name not in order:
                order.append(name)
            # Over the models of a random direction, each with its own median over places.
            if row["far_boost_of_models"]:
                boosts[model, name].append(row["far_boost_of_models"])
            kinds[name].update(row["kinds"])
            scores.setdefault(name, []).append(row["primary_score"])
    models = [m for m in NAMES if any(m == model for model, _, _ in answers)]
    rows = []
    for name in order:
        cells = ["; ".join(map(shown_boost, boosts[m, name])) or "-" for m in models]
        measured = [score for score in scores[name] if score is not None]
        mean = f"{sum(measured) / len(measured):.3f}" if measured else "-"
        rows.append([name, *cells, mean, ", ".join(f"{n} {k}" for k, n in kinds[name].most_common())])
    return table(["direction", *(NAMES[m] for m in models), "primary's score, mean", "places reported as"], rows)


def auc_table(answers):
    rows = {}
    for (model, _, _), a in answers.items():
        for figure in a["grid"]["figures"]:
            values = rows.setdefault(figure["figure"], collections.defaultdict(list))
            for which in ("auc_others", "auc_controls"):
                if figure[which] is not None:
                    values[model, which].append(figure[which])
    models = [m for m in NAMES if any(m == model for model, _, _ in answers)]
    columns = [(m, which) for m in models for which in ("auc_others", "auc_controls")]
    cells = [[name, *(f"{sum(v[c]) / len(v[c]):.4f}" if v[c] else "-" for c in columns)] for name, v in rows.items()]
    head = ["figures", *(f"{NAMES[m]}, {'other tokens' if which == 'auc_others' else 'controls'}" for m, which in columns)]
    return table(head, cells)


def decile_table(answers):
    rows = []
    for model in NAMES:
        sums = {name: [0] * 10 for name in ("ordinary", "false", "like")}
        for a in once_a_fold(answers, model):
            row = next(r for r in a["grid"]["rows"] if key(r) == DEFAULTS)
            for name, added in (("ordinary", a["grid"]["ordinary_by_decile"]), ("false", row["false_reports_by_decile"]),
                                ("like", row["primary_like_by_decile"])):
                sums[name] = [x + y for x, y in zip(sums[name], added)]
        if any(sums["ordinary"]):
            rows.append([f"{NAMES[model]}: tokens", *sums["ordinary"]])
            rows.append(["secondary or unaligned", *sums["false"]])
            rows.append(["born with the primary", *sums["like"]])
    return table(["tenth of the text", *range(1, 11)], rows)


def once_a_fold(answers, model):
    """The unplanted model reads the same texts for every planted one of a fold: one answer for each fold."""
    return {fold: a for (m, fold, _), a in answers.items() if m == model}.values()


def grid_table(answers, all_rows=False):
    sums = collections.defaultdict(Sums)
    counted = set()
    for (model, fold, _), a in answers.items():
        ordinary = None if (model, fold) in counted else a["grid"]["ordinary_by_decile"]
        counted.add((model, fold))
        for row in a["grid"]["rows"]:
            sums[key(row)].add(row, ordinary)
    rows = []
    for where, total in sums.items():
        if not all_rows and where[:2] != DEFAULTS[:2] and where[2:] != DEFAULTS[2:]:
            continue
        name = [where[0], f"{where[1]:.2f}", f"{where[2]:.0f}", f"{where[3]:.0f}"]
        cells = [*name, *total.cells()]
        rows.append([f"**{cell}**" for cell in cells] if where == DEFAULTS else cells)
    return table(["alignment", "at least", "norm ratio", "far boost", "recall", "precision", "l_start exact",
                  "no-sink controls", "permuted", "channel", "no-channels", "unplanted, false", "worst tenth"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=3, help="of orthogonal and permuted directions (3); 0: no controls")
    parser.add_argument("--all", action="store_true", help="all 135 sets of thresholds, not those beside the defaults only")
    parser.add_argument("--only", choices=PLANTS, help="one model")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="where to put the tables: below the line that says so")
    options = parser.parse_args()
    work = ROOT / "build" / "thresholds"
    work.mkdir(parents=True, exist_ok=True)
    answers = {}
    for model, folds in PLANTS.items():
        if options.only not in (None, model):
            continue
        for fold, plants in enumerate(folds):
            for plant in plants:
                answers[model, fold, plant] = measure(options.program, options.models, model, fold, plant, options.seeds,
                                                      work)
    pages = {"Planted sinks": planted_table, "Controls": control_table, "Figures": auc_table,
             "Ordinary tokens of unplanted models": decile_table, "The rule under other thresholds": lambda answered: grid_table(answered, options.all)}
    text = "\n".join(f"## {title}\n\n{make(answers)}" for title, make in pages.items())
    if options.output is None:
        print(text)
        return
    line = "<!-- Everything below is written by bench/thresholds/table.py. -->\n"
    above = options.output.read_text().partition(line)[0]
    options.output.write_text(above + line + "\n" + text)


if __name__ == "__main__":
    main()
