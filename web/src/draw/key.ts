// The key of a heat map, at the top right of its drawing: its colours, with the numbers they stand for.

import { decode, type Scale } from "../data/blocks";
import { append, s } from "../ui/dom";
import { number } from "../ui/format";
import type { Frame } from "./axes";
import { css_colour } from "./colour";

const kWidth = 220, kHeight = 10, kStops = 24;

// How much room a drawing leaves above its cells for its name and the key: beside or below each other.
export function key_room(width: number): number {
  return width < 520 ? 50 : 32;
}

export function named_key(frame: Frame, left: number, name: string, scale: Scale, colours: Uint32Array, first: number): SVGGElement {
  const from = frame.width - frame.right - kWidth, top = key_room(frame.width) - 30;
  const group = s("g", { class: "key" }, s("text", { x: left, y: 14, class: "name" }, name));
  for (let i = 0; i < kStops; ++i) {
    // A little wider than their share, so that no seam shows between them.
    append(group, s("rect", { x: from + (kWidth * i) / kStops, y: top, width: kWidth / kStops + (i + 1 < kStops ? 0.5 : 0), height: kHeight,
      fill: css_colour(colours, Math.floor(first + ((255 - first) * i) / (kStops - 1))) }));
  }
  [first, Math.floor((first + 256) / 2), 255].forEach((code, i) => {
    append(group, s("text", { x: from + (kWidth * i) / 2, y: top + kHeight + 13, "text-anchor": ["start", "middle", "end"][i] }, number(decode(scale, code))));
  });
  return group;
}
