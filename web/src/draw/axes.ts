// Axes of SVG drawings.

import { append, s } from "../ui/dom";
import type { Axis } from "./scale";

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function svg_of(frame: Frame, label: string): SVGSVGElement {
  return s("svg", {
    viewBox: `0 0 ${frame.width} ${frame.height}`, width: frame.width, height: frame.height, role: "img", "aria-label": label,
  });
}

// Ticks are round: all their digits, and no more.
function tick_name(tick: number): string {
  if (Number.isInteger(tick)) return tick.toLocaleString("en");
  const round = Number(tick.toPrecision(6));
  return Math.abs(round) < 1e-4 ? round.toExponential() : String(round);
}

// room  between the axis and its title, for names of more than a line
export function bottom_axis(frame: Frame, axis: Axis, ticks: number[], title: string, room = 0): SVGGElement {
  const y = frame.height - frame.bottom;
  const group = s("g", { class: "axis" }, s("path", { d: `M${frame.left},${y}H${frame.width - frame.right}`, class: "rule" }));
  for (const tick of ticks) {
    const x = axis.at(tick);
    append(group, s("path", { d: `M${x},${y}v4`, class: "rule" }),
      s("text", { x, y: y + 16, "text-anchor": "middle" }, tick_name(tick)));
  }
  append(group, s("text", { x: (frame.left + frame.width - frame.right) / 2, y: y + 34 + room, "text-anchor": "middle", class: "title" }, title));
  return group;
}

export function left_axis(frame: Frame, axis: Axis, title: string, ticks = axis.ticks, lines = true): SVGGElement {
  const group = s("g", { class: "axis" });
  for (const tick of ticks) {
    const y = axis.at(tick);
    if (lines) append(group, s("path", { d: `M${frame.left},${y}H${frame.width - frame.right}`, class: "grid" }));
    append(group, s("text", { x: frame.left - 8, y: y + 4, "text-anchor": "end" }, tick_name(tick)));
  }
  const middle = (frame.top + frame.height - frame.bottom) / 2;
  append(group, s("text", { transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle", class: "title" }, title));
  return group;
}

// A path through the values that were measured; gaps stay gaps.
export function line_path(values: (number | undefined)[], x: (i: number) => number, y: (value: number) => number): string {
  let path = "", pen = false;
  values.forEach((value, i) => {
    if (value === undefined) { pen = false; return; }
    path += `${pen ? "L" : "M"}${x(i).toFixed(1)},${y(value).toFixed(1)}`;
    pen = true;
  });
  return path;
}
