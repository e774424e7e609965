// The primary's and the sinks' rows: a quantity by layer for each, pinned under the map, with exact numbers.

import { encode, type Scale } from "../../data/blocks";
import { reading, type Quantity } from "../../data/quantities";
import type { DocumentData } from "../../data/report";
import { bottom_axis, svg_of } from "../../draw/axes";
import { css_colour } from "../../draw/colour";
import { key_room, named_key } from "../../draw/key";
import { layer_ticks, linear } from "../../draw/scale";
import { append, s } from "../../ui/dom";
import { by_prominence, kind_names } from "../../data/report";
import { token_name } from "../../ui/format";
import { grid_keys, type GridPlace } from "../../ui/grid_keys";
import { mark } from "../../ui/kinds";
import { kNone, type TokenSink } from "../text/paint";

const kRow = 20;
const kMostRows = 40;

// What is pointed at, kept from one drawing to the next.
export interface RowsCursor {
  at: GridPlace | undefined;
}

export function draw_rows(
  into: HTMLElement, width: number, data: DocumentData, sinks: Map<number, TokenSink[]>, quantity: Quantity, scale: Scale,
  colours: Uint32Array, lowest: number, cursor: RowsCursor, say: (text: string) => void, pick: (position: number, layer: number) => void,
): void {
  const positions = data.rows
    .map((position) => ({ position, sink: sinks.get(position)?.[0] }))
    .sort((a, b) => Number(b.sink?.kind === "primary") - Number(a.sink?.kind === "primary") || by_prominence(a.sink ?? kNone, b.sink ?? kNone))
    .slice(0, kMostRows);
  const top = key_room(width) + 2;
  const frame = { width, height: positions.length * kRow + top + 42, left: width < 520 ? 104 : 150, right: 14, top, bottom: 40 };
  const x = linear(0, data.n_layers, frame.left, width - frame.right);
  const svg = svg_of(frame, `${quantity.name} of the primary and the sinks by layer. Arrow keys move through layers and tokens, Enter shows the cell in the map.`);
  append(svg, named_key(frame, 20, quantity.name, scale, colours, lowest));
  const cell = x.at(1) - x.at(0);
  const box = ({ column, row }: GridPlace) => ({ x: x.at(column) + 0.5, y: frame.top + row * kRow + 1, width: Math.max(1, cell - 1), height: kRow - 2, rx: 2 });
  const cross = s("g", { class: "cross" });
  const says: string[][] = [];
  const point = (at: GridPlace) => {
    cursor.at = at;
    cross.replaceChildren(s("rect", box(at)));
    say(says[at.row]?.[at.column] ?? "");
  };
  positions.forEach(({ position, sink }, i) => {
    const y = frame.top + i * kRow;
    const kind = sink?.kind ?? "secondary";
    const name = token_name(data.text(position));
    append(svg, mark(kind, 8, y + kRow / 2, 4),
      s("text", { x: 20, y: y + 14, class: "token" }, name.length > 7 ? `${name.slice(0, 6)}…` : name),
      s("text", { x: frame.left - 8, y: y + 14, "text-anchor": "end", class: "position" }, position.toLocaleString("en")));
    const values = data.row(quantity.id, position) ?? [];
    says.push(values.map((value, layer) => `“${name}” at ${position.toLocaleString("en")}, ${kind_names[kind]}, layer ${layer}: ${reading(quantity, value)}`));
    values.forEach((value, layer) => {
      const at = { column: layer, row: i };
      append(svg, s("rect", {
        ...box(at), class: value === undefined ? "unmeasured" : "cell", fill: value === undefined ? "none" : css_colour(colours, encode(scale, value)),
        pointerenter: () => point(at), click: () => pick(position, layer),
      }));
    });
  });
  append(svg, bottom_axis(frame, { ...x, at: (layer) => x.at(layer + 0.5) }, layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer"), cross);
  grid_keys(svg, data.n_layers, positions.length, -1, () => cursor.at, point, ({ column, row }) => {
    const token = positions[row];
    if (token) pick(token.position, column);
  });
  into.replaceChildren(svg);
  if (cursor.at && cursor.at.row < positions.length) point(cursor.at);
}
