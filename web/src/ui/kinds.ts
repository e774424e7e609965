// How kinds of sinks look: a colour and a shape each, so that neither is needed alone.

import { kind_names, type Kind } from "../data/report";
import { h, s } from "./dom";

// The outline of a mark around (x, y).
export function mark_path(kind: Kind, x: number, y: number, r: number): string {
  switch (kind) {
    case "primary":
      return `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`;
    case "primary_like":
      return `M${x},${y - 1.2 * r}L${x + 1.2 * r},${y}L${x},${y + 1.2 * r}L${x - 1.2 * r},${y}Z`;
    case "secondary":
      return `M${x},${y - 1.1 * r}L${x + 1.1 * r},${y + 0.9 * r}L${x - 1.1 * r},${y + 0.9 * r}Z`;
    case "unaligned":
      return `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}Z`;
  }
}

export function mark(kind: Kind, x: number, y: number, r: number): SVGPathElement {
  return s("path", { d: mark_path(kind, x, y, r), class: `mark ${kind}` });
}

export function kind_badge(kind: Kind): HTMLElement {
  return h(
    "span", { class: `badge ${kind}` },
    s("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, mark(kind, 6, 6, 4)),
    kind_names[kind],
  );
}
