// Charts that the program has prepared. src/report/figure/chart.cpp draws them alike.

import type { Chart, ChartAxis, ChartPanel, ChartSeries } from "../data/report";
import { append, s } from "../ui/dom";
import { bottom_axis, left_axis, svg_of, type Frame } from "./axes";
import { layer_ticks, linear, logarithmic, type Axis } from "./scale";

const kPanelHeight = 320, kLeft = 62, kRight = 14, kBottom = 44;
const kTextRow = 16, kLegendRow = 20, kBarShare = 0.8;
const kLetter = 7, kNameLetter = 5.5, kTilt = 35;  // widths in pixels, degrees

export type Say = (text: string) => void;
type Place = [number, number] | undefined;

function axis_of(axis: ChartAxis, from: number, to: number, n_ticks: number): Axis {
  return axis.logarithmic ? logarithmic(axis.low, axis.high, from, to) : linear(axis.low, axis.high, from, to, n_ticks);
}

// What is too wide for its panel, in several lines.
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((one) => one !== "")) {
    const line = lines.at(-1);
    if (line !== undefined && kLetter * (line.length + 1 + word.length) <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

// How much deeper than one line names under an axis reach: 0 where each has room, else they are tilted.
function name_depth(names: string[], slot: number): number {
  const widest = kNameLetter * Math.max(0, ...names.map((name) => name.length));
  return widest <= slot ? 0 : widest * Math.sin((kTilt * Math.PI) / 180);
}

function key(series: ChartSeries, x: number, y: number): SVGElement {
  return series.form === "line" ? s("path", { d: `M${x},${y}H${x + 16}`, class: `series chart ${series.role}` })
    : s("circle", { cx: x + 8, cy: y, r: 4, class: `dot ${series.role}` });
}

// returns  where the plot begins
function legend(svg: SVGSVGElement, panel: ChartPanel, width: number, y: number): number {
  let x = kLeft;
  const named = panel.series.filter((series) => series.name !== "");
  for (const series of named) {
    const lines = wrapped(series.name, width - kLeft - 22);
    const room = 40 + kLetter * Math.max(...lines.map((line) => line.length));
    if (x + room > width && x > kLeft) { x = kLeft; y += kLegendRow; }
    append(svg, key(series, x, y));
    lines.forEach((line, i) => append(svg, s("text", { x: x + 22, y: y + 4 + kTextRow * i, class: "entry" }, line)));
    y += kTextRow * (lines.length - 1);
    x += room;
  }
  return y + (named.length ? 14 : -6);
}

function path_of(places: Place[]): string {
  let path = "", pen = false;
  for (const place of places) {
    if (place) path += `${pen ? "L" : "M"}${place[0].toFixed(1)},${place[1].toFixed(1)}`;
    pen = place !== undefined;
  }
  return path;
}

function band_of(high: Place[], low: Place[]): string {
  const known = high.flatMap((place, i): [Place, Place][] => (place && low[i] ? [[place, low[i]]] : []));
  const point = (place: Place) => place ? `${place[0].toFixed(1)},${place[1].toFixed(1)}` : "";
  return known.length ? `M${[...known.map(([one]) => point(one)), ...known.reverse().map(([, one]) => point(one))].join("L")}Z` : "";
}

function draw_panel(svg: SVGSVGElement, panel: ChartPanel, width: number, top: number, say: Say): void {
  const title = wrapped(panel.title, width - kLeft - kRight);
  title.forEach((line, i) => append(svg, s("text", { x: kLeft, y: top + 14 + kTextRow * i, class: "entry panel-title" }, line)));
  const begin = legend(svg, panel, width, top + (title.length ? 6 + kTextRow * title.length : 0) + 12);
  const x = axis_of(panel.x, kLeft, width - kRight, width < 520 ? 4 : 8);
  const depth = name_depth(panel.x.names, Math.abs(x.at(1) - x.at(0)));
  const frame: Frame = { width, height: top + kPanelHeight, left: kLeft, right: kRight, top: begin, bottom: kBottom + depth };
  const y = axis_of(panel.y, frame.height - frame.bottom, frame.top, 5);
  append(svg, left_axis(frame, y, panel.y.title));
  const ticks = panel.x.names.length ? [] : panel.x.n_layers > 0 ? layer_ticks(panel.x.n_layers, width < 520 ? 6 : 14) : x.ticks;
  append(svg, bottom_axis(frame, x, ticks, panel.x.title, depth));
  panel.x.names.forEach((name, i) => {
    const at = x.at(i), under = frame.height - frame.bottom + 16;
    append(svg, s("text", { x: at, y: under, class: "small",
      ...(depth > 0 ? { "text-anchor": "end", transform: `rotate(${-kTilt} ${at} ${under})` } : { "text-anchor": "middle" }) }, name));
  });
  const all_bars = panel.series.filter((series) => series.form === "bars");
  for (const series of panel.series) {
    const places = (values: (number | null)[]): Place[] => series.x.map((at, i) => {
      const value = values[i];
      return value === null || value === undefined || (panel.y.logarithmic && value <= 0) ? undefined : [x.at(at), y.at(value)];
    });
    const at = places(series.y);
    const told = (i: number) => { const text = series.says[i]; return text ? { pointerenter: () => say(text) } : {}; };
    if (series.form === "line") {
      append(svg, s("path", { d: path_of(at), class: `series chart ${series.role}` }));
    } else if (series.form === "band") {
      append(svg, s("path", { d: band_of(at, places(series.low)), class: series.name === "" ? "band" : `band stack ${series.role}` }));
    } else if (series.form === "points") {
      at.forEach((place, i) => place && append(svg, s("circle", { cx: place[0], cy: place[1], r: 3.5, class: `dot ${series.role}`, ...told(i) })));
    } else {
      const each = (Math.abs(x.at(1) - x.at(0)) * kBarShare) / all_bars.length;
      const left = each * (all_bars.indexOf(series) - all_bars.length / 2), zero = y.at(0);
      at.forEach((place, i) => place && append(svg, s("rect", { x: place[0] + left, y: Math.min(zero, place[1]), width: each,
        height: Math.abs(zero - place[1]), class: `column ${series.role}`, ...told(i) })));
    }
  }
}

export function chart_svg(chart: Chart, width: number, say: Say): SVGSVGElement {
  const svg = svg_of({ width, height: kPanelHeight * chart.panels.length, left: kLeft, right: kRight, top: 0, bottom: 0 }, chart.title);
  chart.panels.forEach((panel, i) => draw_panel(svg, panel, width, i * kPanelHeight, say));
  return svg;
}
