// Norms by layer: of the primary, of sinks, of all other tokens.

import { kKinds, kind_names, type DocumentData, type Kind } from "../../data/report";
import { bottom_axis, left_axis, line_path, svg_of, type Frame } from "../../draw/axes";
import { layer_ticks, linear, logarithmic } from "../../draw/scale";
import { append, draw_to_width, h, s } from "../../ui/dom";
import { figure, nothing, type Figure } from "../../ui/figure";
import { number } from "../../ui/format";
import { chart_figure } from "../explained";
import type { Context, Page } from "../page";
import { sinks_by_position } from "../text/paint";

type Line = (number | undefined)[];

interface Norm {
  id: string;
  title: string;
  question: string;
}
const kNorms: Norm[] = [
  { id: "hidden_norm", title: "Hidden states", question: "By how much do the primary's and the sinks' states outgrow those of other tokens?" },
  { id: "key_norm", title: "Keys", question: "Are the keys of sinks as long as those of others?" },
  { id: "value_norm", title: "Values", question: "Do sinks have short values, so that the attention they draw changes little?" },
];

interface Lines {
  kind: Kind;
  lines: Line[];
  median: Line;
}

function median(values: number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const low = sorted[Math.floor(middle)], high = sorted[Math.ceil(middle)];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

function lines_of(context: Context, data: DocumentData, norm: string): Lines[] {
  const sinks = sinks_by_position(context.sequence);
  return kKinds.flatMap((kind) => {
    const lines = data.rows.filter((position) => sinks.get(position)?.[0]?.kind === kind)
      .flatMap((position) => { const line = data.row(norm, position); return line ? [line] : []; });
    if (lines.length === 0) return [];
    const middle = Array.from({ length: data.n_layers }, (_, l) => median(lines.flatMap((line) => (line[l] === undefined ? [] : [line[l]]))));
    return [{ kind, lines, median: middle }];
  });
}

// The lines' names above the drawing, so that a saved figure has them too.
function legend(frame: Frame, entries: [string, string][]): SVGGElement {
  const group = s("g");
  let x = frame.left, y = 12;
  for (const [name, line] of entries) {
    const room = 52 + 7 * name.length;
    if (x + room > frame.width && x > frame.left) { x = frame.left; y += 20; }
    append(group, s("path", { d: `M${x},${y}H${x + 26}`, class: line }), s("text", { x: x + 32, y: y + 4, class: "entry" }, name));
    x += room;
  }
  return group;
}

function draw(data: DocumentData, norm: Norm, kinds: Lines[], into: HTMLElement, width: number, fig: Figure): void {
  const frame = { width, height: width < 520 ? 340 : 360, left: 62, right: 14, top: width < 520 ? 52 : 32, bottom: 42 };
  const quantiles = data.quantiles.map((_, q) => data.quantile(norm.id, q));
  const ordinary = quantiles[2] ?? (norm.id === "hidden_norm" ? data.ordinary_norm() : undefined);
  const known = [...quantiles.flatMap((line) => line ?? []), ...(ordinary ?? []), ...kinds.flatMap((one) => one.lines.flat())]
    .filter((value): value is number => value !== undefined && value > 0);
  if (known.length === 0) return;
  const n_layers = data.n_layers;
  const x = linear(0, Math.max(1, n_layers - 1), frame.left + 6, width - frame.right - 6);
  const y = logarithmic(Math.min(...known) / 1.15, Math.max(...known) * 1.15, frame.height - frame.bottom, frame.top);
  const svg = svg_of(frame, `${norm.title}: norms by layer`);
  append(svg, left_axis(frame, y, "norm"), bottom_axis(frame, x, layer_ticks(n_layers, width < 520 ? 6 : 14), "layer"));
  const band = (low: Line | undefined, high: Line | undefined, name: string) => {
    if (!low || !high) return;
    const layers = low.flatMap((value, l) => (value === undefined || high[l] === undefined ? [] : [l]));
    const up = layers.map((l) => `${x.at(l).toFixed(1)},${y.at(high[l] ?? 1).toFixed(1)}`);
    const down = [...layers].reverse().map((l) => `${x.at(l).toFixed(1)},${y.at(low[l] ?? 1).toFixed(1)}`);
    if (layers.length) append(svg, s("path", { d: `M${[...up, ...down].join("L")}Z`, class: name }));
  };
  band(quantiles[0], quantiles[4], "band wide");
  band(quantiles[1], quantiles[3], "band");
  if (ordinary) append(svg, s("path", { d: line_path(ordinary, (l) => x.at(l), (v) => y.at(v)), class: "series other" }));
  for (const { kind, lines, median: middle } of [...kinds].reverse()) {
    if (lines.length > 1) for (const line of lines.slice(0, 60)) append(svg, s("path", { d: line_path(line, (l) => x.at(l), (v) => y.at(v)), class: `series faint ${kind}` }));
    append(svg, s("path", { d: line_path(middle, (l) => x.at(l), (v) => y.at(v)), class: `series ${kind}` }));
  }
  append(svg, legend(frame, [...kinds.map((one): [string, string] => [kind_names[one.kind], `series ${one.kind}`]), ...(ordinary ? [["other tokens", "series other"] as [string, string]] : [])]));
  const cursor = s("path", { class: "cursor", visibility: "hidden" });
  append(svg, cursor);
  const show = (layer: number) => {
    cursor.setAttribute("d", `M${x.at(layer)},${frame.top}V${frame.height - frame.bottom}`);
    cursor.setAttribute("visibility", "visible");
    const parts = kinds.map((one) => `${kind_names[one.kind]} ${number(one.median[layer])}`);
    fig.say(`Layer ${layer}: ${[...parts, `other tokens ${number(ordinary?.[layer])}`].join(", ")}`);
  };
  let at = 0;
  svg.tabIndex = 0;
  svg.setAttribute("aria-label", `${norm.title}: norms by layer. Left and right arrow keys move through the layers.`);
  svg.addEventListener("pointermove", (event) => {
    at = Math.min(n_layers - 1, Math.max(0, Math.round(x.inverse(event.clientX - svg.getBoundingClientRect().left))));
    show(at);
  });
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    at = Math.min(n_layers - 1, Math.max(0, at + (event.key === "ArrowRight" ? 1 : -1)));
    show(at);
  });
  into.replaceChildren(svg);
}

async function render(context: Context, into: HTMLElement): Promise<void> {
  const data = await context.read_document();
  append(into, h("div", { class: "page-head" }, h("h1", {}, "Norms by layer"),
    h("p", { class: "question" }, `How do norms grow and fall through the network in ${context.sequence.id}?`)));
  append(into, h("p", { class: "note" }, "Thick: the median of a kind. Thin: each sink. Bands: 5–95 % and 25–75 % of the other tokens."));
  let missing = false;
  for (const norm of kNorms) {
    const lines = lines_of(context, data, norm.id);
    if (lines.length === 0 && !data.quantile(norm.id, 0)) { missing = true; continue; }
    const fig = figure(norm.id.replace("_", "-"), norm.title, norm.question, "Point at the drawing, or focus it and use the arrow keys, to read a layer.");
    append(into, fig.element);
    draw_to_width(fig.body, (width) => draw(data, norm, lines, fig.body, width, fig));
  }
  if (data.writes.panels.length) append(into, chart_figure(data.writes));
  if (missing) {
    append(into, nothing("Key and value norms, and the spread over other tokens, need profiles, which this results file does not keep.",
      "sinkscope scan -m MODEL.gguf -f TEXT -o out.scan.db --keep profiles"));
  }
}

export const norms: Page = { id: "norms", title: "Norms", of_document: true, render };
