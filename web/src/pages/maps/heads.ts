// Which heads attend to a sink: a quantity by layer and head.

import { encode } from "../../data/blocks";
import { first_colour, kQuantities, reading, scale_of, type Quantity } from "../../data/quantities";
import type { DocumentData, Sequence } from "../../data/report";
import { bottom_axis, left_axis, svg_of } from "../../draw/axes";
import { css_colour, ramp } from "../../draw/colour";
import { key_room, named_key } from "../../draw/key";
import { layer_ticks, linear } from "../../draw/scale";
import { append, draw_to_width, s } from "../../ui/dom";
import { figure, nothing, select, type Figure } from "../../ui/figure";
import { token_name } from "../../ui/format";
import { grid_keys, type GridPlace } from "../../ui/grid_keys";
import { chosen_number, remember } from "../../ui/route";

const kRow = 16;

class HeadsDrawing {
  private width = 0;
  private at: GridPlace | undefined; // what is pointed at: a layer and a head

  constructor(private readonly fig: Figure, private readonly data: DocumentData, private quantity: Quantity, private position: number) {}

  show(quantity: Quantity, position: number): void {
    this.quantity = quantity;
    this.position = position;
    this.draw(this.width);
  }

  draw(width: number): void {
    this.width = width;
    const { data, quantity, position } = this;
    const values = data.heads(quantity.id, position);
    const n_heads = values?.[0]?.length ?? 0;
    if (!values || n_heads === 0 || width === 0) return;
    const top = key_room(width) + 2;
    const frame = { width, height: n_heads * kRow + top + 42, left: 48, right: 14, top, bottom: 40 };
    const x = linear(0, data.n_layers, frame.left, width - frame.right);
    const y = linear(0, n_heads, frame.height - frame.bottom, frame.top);
    // One scale for all tokens that may be chosen, so that colours compare.
    const scale = scale_of(data.rows.flatMap((row) => data.heads(quantity.id, row)?.flat() ?? []), quantity);
    const lowest = first_colour(quantity, scale);
    const colours = ramp(quantity.cosine, lowest);
    const name = token_name(data.text(position)), place = position.toLocaleString("en");
    const svg = svg_of(frame, `${quantity.name} of “${name}” at ${place} by layer and head. Arrow keys move through layers and heads.`);
    append(svg, named_key(frame, frame.left, `${quantity.name} of “${name.length > 9 ? `${name.slice(0, 8)}…` : name}” at ${place}`, scale, colours, lowest));
    const cross = s("g", { class: "cross" });
    const box = ({ column: layer, row: head }: GridPlace) => ({ x: x.at(layer) + 0.5, y: y.at(head + 1) + 0.5, width: Math.max(1, x.at(1) - x.at(0) - 1), height: kRow - 1 });
    const point = (at: GridPlace) => {
      this.at = at;
      const { column: layer, row: head } = at;
      cross.replaceChildren(s("rect", box(at)));
      this.fig.say(`“${name}” at ${place}, layer ${layer}, head ${head}: ${reading(quantity, values[layer]?.[head])}`);
    };
    values.forEach((heads, layer) => heads.forEach((value, head) => {
      const at = { column: layer, row: head };
      append(svg, s("rect", {
        ...box(at), class: value === undefined ? "unmeasured" : "shade", fill: value === undefined ? "none" : css_colour(colours, encode(scale, value)),
        pointerenter: () => point(at),
      }));
    }));
    append(svg, left_axis(frame, { ...y, at: (head) => y.at(head + 0.5) }, "head", layer_ticks(n_heads, 8), false),
      bottom_axis(frame, { ...x, at: (layer) => x.at(layer + 0.5) }, layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer"), cross);
    grid_keys(svg, data.n_layers, n_heads, 1, () => this.at, point);
    this.fig.body.replaceChildren(svg);
    if (this.at) point(this.at);
  }
}

// The figure, with a choice among the quantities, and among the primary and the sinks.
export function heads_figure(data: DocumentData, sequence: Sequence, chosen: URLSearchParams): HTMLElement {
  const title = "By head", question = "Which heads attend to a sink, and in which layers?";
  const offered = data.head_quantities.flatMap((id) => kQuantities.filter((one) => one.id === id));
  const wanted = chosen_number(chosen, "head_of", data.n_tokens) ?? sequence.sinks[0]?.position ?? sequence.primary?.position ?? -1;
  let position = data.rows.includes(wanted) ? wanted : (data.rows[0] ?? -1);
  let quantity = offered.find((one) => one.id === chosen.get("head_quantity")) ?? offered[0];
  if (!quantity) {
    const fig = figure("heads", title, question, "");
    append(fig.body, nothing("This results file keeps nothing by head.", "sinkscope scan -m MODEL.gguf -f TEXT -o out.scan.db --keep heads"));
    return fig.element;
  }
  const show = () => { if (quantity) drawing.show(quantity, position); };
  const quantities = select("Quantity", offered.map((one): [string, string] => [one.id, one.name]), quantity.id,
    (value) => { quantity = offered.find((one) => one.id === value); remember({ head_quantity: value }); show(); });
  const tokens = select("Of", data.rows.map((row): [string, string] => [String(row), `“${token_name(data.text(row))}” at ${row.toLocaleString("en")}`]),
    String(position), (value) => { position = Number(value); remember({ head_of: position }); show(); });
  const fig = figure("heads", title, question, "Point at a cell, or focus the drawing and use the arrow keys.", [quantities, tokens]);
  const drawing = new HeadsDrawing(fig, data, quantity, position);
  draw_to_width(fig.body, (width) => drawing.draw(width));
  return fig.element;
}
