// The lives of sinks: from which layer to which each lasts.

import { layer_ticks, linear } from "../../draw/scale";
import { bottom_axis, svg_of } from "../../draw/axes";
import { by_prominence, kind_names, type Kind, type Sequence } from "../../data/report";
import { append, h, s } from "../../ui/dom";
import { intervals, layers, number, token_name } from "../../ui/format";
import { mark } from "../../ui/kinds";
import type { Context } from "../page";

const kMostRows = 24;
const kRow = 24;

interface Life {
  position: number;
  text: string;
  kind: Kind;
  spans: [number, number][];
  boost: number | null;
  censored: boolean;
  says: string;
}

function lives_of(sequence: Sequence): Life[] {
  const lives: Life[] = [...sequence.sinks]
    .sort(by_prominence)
    .slice(0, kMostRows)
    .sort((a, b) => a.position - b.position || a.l_start - b.l_start)
    .map((sink) => ({
      position: sink.position, text: sink.text, kind: sink.kind, spans: [[sink.l_start, sink.l_end]],
      boost: sink.far_boost_median, censored: sink.censored,
      says: `“${token_name(sink.text)}” at ${sink.position}, ${kind_names[sink.kind]}: ${layers(sink.l_start, sink.l_end)}, norm ratio ` +
        `${number(sink.norm_ratio_median)}, far boost ${number(sink.far_boost_median)}` +
        (sink.censored ? "; ends with the primary or the network, might have lasted longer" : ""),
    }));
  const { primary } = sequence;
  if (primary) {
    lives.unshift({
      position: primary.position, text: primary.text, kind: "primary", spans: primary.active_layers,
      boost: primary.far_boost_median, censored: false,
      says: `“${token_name(primary.text)}” at ${primary.position}, primary: born at layer ${primary.birth_layer}, active in ` +
        `${intervals(primary.active_layers)}, norm ratio ${number(primary.norm_ratio_median)}`,
    });
  }
  return lives;
}

export function draw_lives(context: Context, into: HTMLElement, width: number, say: (text: string) => void): void {
  const { sequence } = context;
  const n_layers = context.scan.scan.model.n_layers;
  const lives = lives_of(sequence);
  const frame = { width, height: 44 + lives.length * kRow, left: width < 520 ? 112 : 168, right: 14, top: 4, bottom: 40 };
  const x = linear(0, n_layers, frame.left, width - frame.right);
  const svg = svg_of(frame, "Layers in which each sink lasts");
  svg.setAttribute("role", "group");
  const ticks = layer_ticks(n_layers, width < 520 ? 6 : 14);
  for (const tick of ticks) {
    append(svg, s("path", { d: `M${x.at(tick + 0.5)},${frame.top}V${frame.height - frame.bottom}`, class: "grid" }));
  }
  lives.forEach((life, i) => {
    const y = frame.top + i * kRow + kRow / 2;
    const name = token_name(life.text);
    const row = s("a", { href: context.link("text", { token: life.position }), class: "life", "aria-description": life.says,
      pointerenter: () => say(life.says), focus: () => say(life.says) });
    append(row,
      s("rect", { x: 0, y: y - kRow / 2, width, height: kRow, class: "hit" }),
      mark(life.kind, 10, y, 4.5),
      s("text", { x: 24, y: y + 4, class: "token" }, name.length > 9 ? `${name.slice(0, 8)}…` : name),
      s("text", { x: frame.left - 12, y: y + 4, "text-anchor": "end", class: "position" }, life.position.toLocaleString("en")));
    for (const [first, last] of life.spans) {
      append(row, s("rect", { x: x.at(first) + 1, y: y - 6, width: x.at(last + 1) - x.at(first) - 2, height: 12, rx: 3, class: `bar ${life.kind}` }));
      if (life.censored) {
        const end = x.at(last + 1);
        append(row, s("path", { d: `M${end + 1},${y - 4}l4,4l-4,4`, class: `arrow ${life.kind}` }));
      }
    }
    append(svg, row);
  });
  append(svg, bottom_axis(frame, { ...x, at: (layer) => x.at(layer + 0.5) }, ticks, "layer"));
  into.replaceChildren(svg);
  const hidden = sequence.sinks.length - (lives.length - (sequence.primary ? 1 : 0));
  if (hidden > 0) append(into, h("p", { class: "note" }, `${hidden} weaker ones are left out here; the table lists all.`));
}
