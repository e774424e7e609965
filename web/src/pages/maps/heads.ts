// Which heads attend to a sink: its score by layer and head.

import { encode, type Scale } from "../../data/blocks";
import { kQuantities } from "../../data/quantities";
import type { DocumentData, Sequence } from "../../data/report";
import { bottom_axis, left_axis, svg_of } from "../../draw/axes";
import { css_colour, ramp } from "../../draw/colour";
import { key_room, named_key } from "../../draw/key";
import { layer_ticks, linear } from "../../draw/scale";
import { append, draw_to_width, s } from "../../ui/dom";
import { figure, nothing, select } from "../../ui/figure";
import { number, token_name } from "../../ui/format";
import { chosen_number, remember } from "../../ui/route";

const kRow = 16, kLowest = 0.001;

function draw_heads(into: HTMLElement, width: number, data: DocumentData, position: number, say: (text: string) => void): void {
  const scores = data.head_scores(position);
  const n_heads = scores?.[0]?.length ?? 0;
  if (!scores || n_heads === 0) return;
  const top = key_room(width) + 2;
  const frame = { width, height: n_heads * kRow + top + 42, left: 48, right: 14, top, bottom: 40 };
  const x = linear(0, data.n_layers, frame.left, width - frame.right);
  const y = linear(0, n_heads, frame.height - frame.bottom, frame.top);
  const scale: Scale = { logarithmic: true, low: kLowest, high: 1 };
  const colours = ramp(false, 1);
  const name = token_name(data.text(position));
  const quantity = kQuantities.find((one) => one.id === "sink_score")?.name ?? "";
  const svg = svg_of(frame, `${quantity} of “${name}” at ${position} by layer and head`);
  append(svg, named_key(frame, frame.left, `${quantity} of “${name.length > 9 ? `${name.slice(0, 8)}…` : name}” at ${position.toLocaleString("en")}`, scale, colours, 1));
  scores.forEach((heads, layer) => heads.forEach((value, head) => {
    const says = `Head ${head} of layer ${layer} gives “${name}” at ${position.toLocaleString("en")} ${number(value)} of its attention`;
    append(svg, s("rect", {
      x: x.at(layer) + 0.5, y: y.at(head + 1) + 0.5, width: Math.max(1, x.at(1) - x.at(0) - 1), height: kRow - 1,
      class: value === undefined ? "unmeasured" : "shade", fill: value === undefined ? "none" : css_colour(colours, encode(scale, Math.max(kLowest, value))),
      pointerenter: () => say(value === undefined ? "" : says),
    }));
  }));
  append(svg, left_axis(frame, { ...y, at: (head) => y.at(head + 0.5) }, "head", layer_ticks(n_heads, 8), false),
    bottom_axis(frame, { ...x, at: (layer) => x.at(layer + 0.5) }, layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer"));
  into.replaceChildren(svg);
}

// The figure, with a choice among the primary and the sinks.
export function heads_figure(data: DocumentData, sequence: Sequence, chosen: URLSearchParams): HTMLElement {
  const primary = sequence.primary?.position;
  const wanted = chosen_number(chosen, "head_of", data.n_tokens) ?? sequence.sinks[0]?.position ?? primary ?? -1;
  let position = data.rows.includes(wanted) ? wanted : (data.rows[0] ?? -1);
  let width = 0;
  const redraw = () => { if (width) draw_heads(fig.body, width, data, position, fig.say); };
  const chooser = select("Of", data.rows.map((row): [string, string] => [String(row), `“${token_name(data.text(row))}” at ${row.toLocaleString("en")}`]),
    String(position), (value) => { position = Number(value); remember({ head_of: position }); redraw(); });
  const has_heads = data.head_scores(position) !== undefined;
  const fig = figure("heads", "By head", "Which heads attend to a sink, and in which layers?", has_heads ? "Point at a cell." : "", ...(has_heads ? [chooser] : []));
  if (has_heads) draw_to_width(fig.body, (now) => { width = now; redraw(); });
  else append(fig.body, nothing("This results file keeps no scores by head.", "sinkscope scan -m MODEL.gguf -f TEXT -o out.scan.db --keep heads"));
  return fig.element;
}
