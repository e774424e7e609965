// The key of a heat map: its colours, with the numbers they stand for.

import { decode, type Scale } from "../data/blocks";
import { h } from "../ui/dom";
import { number } from "../ui/format";
import { draw_codes } from "./heat";

export function colour_key(scale: Scale, colours: Uint32Array, first: number): HTMLElement {
  const canvas = h("canvas", { width: 256 - first, height: 1, "aria-hidden": "true" });
  draw_codes(canvas, Uint8Array.from({ length: 256 - first }, (_, i) => i + first), 1, colours);
  const label = (code: number) => h("span", {}, number(decode(scale, code)));
  return h("div", { class: "key", role: "img", "aria-label": `Colours from ${number(decode(scale, first))} to ${number(scale.high)}` },
    canvas, h("div", { class: "key-labels" }, label(first), label(Math.round((first + 255) / 2)), label(255)));
}
