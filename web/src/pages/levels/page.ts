// Levels: where sinks begin and how long they last.

import { count_name, level_name, not_enough, total, type Scan } from "../../data/report";
import { bottom_axis, left_axis, svg_of } from "../../draw/axes";
import { css_colour, is_dark, ramp } from "../../draw/colour";
import { layer_ticks, linear } from "../../draw/scale";
import { append, draw_to_width, h, s } from "../../ui/dom";
import { figure, type Figure } from "../../ui/figure";
import { count, number, percent, token_name } from "../../ui/format";
import { chart_figure } from "../explained";
import type { Context, Page } from "../page";

interface Cell {
  l_start: number;
  lifetime: number;
  n: number;
  censored: number;
}

function cells_of(scan: Scan): Cell[] {
  const cells = new Map<string, Cell>();
  for (const sequence of scan.scan.sequences) {
    const groups = sequence.groups.filter((group) => group.counted).map((group) => ({ ...group, censored: false }));
    for (const sink of [...sequence.sinks, ...groups]) {
      const key = `${sink.l_start} ${sink.lifetime}`;
      const cell = cells.get(key) ?? { l_start: sink.l_start, lifetime: sink.lifetime, n: 0, censored: 0 };
      ++cell.n;
      if (sink.censored) ++cell.censored;
      cells.set(key, cell);
    }
  }
  return [...cells.values()].sort((a, b) => a.l_start - b.l_start || a.lifetime - b.lifetime);
}

function draw(scan: Scan, into: HTMLElement, width: number, fig: Figure): void {
  const n_layers = scan.scan.model.n_layers;
  const frame = { width, height: Math.min(480, Math.max(260, width * 0.62)), left: 52, right: 14, top: 10, bottom: 42 };
  const x = linear(-0.5, n_layers - 0.5, frame.left, width - frame.right);
  const y = linear(0.5, n_layers + 0.5, frame.height - frame.bottom, frame.top);
  const cells = cells_of(scan);
  const most = Math.max(1, ...cells.map((cell) => cell.n));
  const colours = ramp(false);
  const svg = svg_of(frame, "Sinks by first layer and lifetime");
  svg.setAttribute("role", "group");
  const ticks = layer_ticks(n_layers, width < 420 ? 6 : 12);
  append(svg, left_axis(frame, y, "layers it lasts", ticks.filter((tick) => tick > 0)), bottom_axis(frame, x, ticks, "first layer"),
    s("path", { d: `M${x.at(0)},${y.at(n_layers)}L${x.at(n_layers - 1)},${y.at(1)}`, class: "limit" }));
  const w = Math.max(3, Math.abs(x.at(1) - x.at(0)) - 1), hgt = Math.max(3, Math.abs(y.at(1) - y.at(2)) - 1);
  for (const cell of cells) {
    const code = Math.round(70 + 185 * (most > 1 ? Math.log(cell.n) / Math.log(most) : 1));
    const says = `First layer ${cell.l_start}, lasting ${count(cell.lifetime, "layer")}: ${count(cell.n, "sink")}` +
      (cell.censored ? `, ${cell.censored} of them to the primary's or the network's end` : "");
    append(svg, s("rect", { x: x.at(cell.l_start) - w / 2, y: y.at(cell.lifetime) - hgt / 2, width: w, height: hgt, rx: 2, class: "cell", tabindex: 0,
      role: "img", "aria-label": says, fill: css_colour(colours, code), pointerenter: () => fig.say(says), focus: () => fig.say(says) }));
    if (w > 16 && hgt > 11 && cell.n > 1) {
      append(svg, s("text", { x: x.at(cell.l_start), y: y.at(cell.lifetime) + 4, "text-anchor": "middle", class: (code > 150) === is_dark() ? "count on-light" : "count on-dark" }, cell.n));
    }
  }
  const bound = most > 1 ? `a cell: 1 to ${count(most, "sink")}` : "a cell: 1 sink";
  append(svg, s("text", { x: width - frame.right, y: frame.top + 12, "text-anchor": "end" }, bound));
  for (const level of scan.levels.files[0].levels) {
    const lifetime = level.l_end - level.l_start + 1;
    append(svg, s("ellipse", { cx: x.at(level.l_start), cy: y.at(lifetime), rx: w * (0.9 + level.start_jitter), ry: hgt * (0.9 + level.end_jitter), class: `level${level.tentative ? " tentative" : ""}` }));
  }
  into.replaceChildren(svg);
}

function levels_table(scan: Scan): HTMLElement {
  const { levels, unassigned, unstable, sinks } = scan.levels.files[0];
  const numeric = (text: string) => h("td", { class: "number" }, text);
  const rate = (one: (typeof levels)[number]["rate"]) => one.per_1000 === null ? "–" :
    `${number(one.per_1000)}${one.interval_95 ? ` (${number(one.interval_95[0])}–${number(one.interval_95[1])})` : ""}`;
  const head = ["layers", "sinks", "texts", "in 1000 eligible tokens (95 %)", "median life", "stability", "norm ratio", "far boost", "commonest tokens"];
  return h("div", {},
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Levels, ${scan.file}` }, h("table", {},
      h("thead", {}, h("tr", {}, ...head.map((name, i) => h("th", { scope: "col", class: i === 8 ? "" : "number" }, name)))),
      h("tbody", {}, ...levels.map((level) => h("tr", {},
        numeric(level_name(level)), numeric(count_name(level.rate)), numeric(`${level.rate.documents}${level.tentative ? " (tentative)" : ""}`),
        numeric(rate(level.rate)), numeric(`${level.lifetime.median_is_lower_bound ? "≥ " : ""}${level.lifetime.median}`), numeric(level.stability === null ? not_enough(scan.scan.sequences.length) : percent(level.stability)),
        numeric(number(level.norm_ratio_median)), numeric(number(level.far_boost_median)),
        h("td", {}, ...level.tokens.slice(0, 5).flatMap((token) => [h("code", {}, token_name(token.text)), ` ${token.count}  `])))),
        h("tr", {}, h("td", {}, "no level"), numeric(count_name(unassigned)), numeric(String(unassigned.documents)), numeric(rate(unassigned)),
          h("td", { colspan: 5 }))))),
    sinks.outside_eligible > 0 && h("p", { class: "note" }, "(+n): n more outside the eligible tokens, which no rate counts."),
    unstable.length > 0 && h("p", { class: "note" }, `Not stable enough to count, found in less than ${percent(scan.levels.options.min_stability)} of ` +
      `${scan.levels.options.bootstraps} resamples of the texts: ${unstable.map((one) => `${level_name(one)} (${one.count} sinks, ${percent(one.stability)})`).join(", ")}.`));
}

function places_table(scan: Scan): HTMLElement {
  const { levels } = scan.levels.files[0];
  const bins = levels[0]?.hazard ?? [];
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Positions of levels, ${scan.file}` }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "level"), ...bins.map((bin) => h("th", { scope: "col", class: "number" }, `${bin.first}–${bin.end - 1}`)))),
    h("tbody", {}, ...levels.map((level) => h("tr", {}, h("th", { scope: "row" }, level_name(level)),
      ...level.hazard.map((bin) => h("td", { class: "number" }, number(bin.per_1000))))))));
}

// A table for each results file, under its name where there are several.
function tables(title: string, question: string, scans: Scan[], table: (scan: Scan) => HTMLElement): HTMLElement {
  return h("section", { class: "figure" },
    h("header", {}, h("div", {}, h("h2", {}, title), h("p", { class: "question" }, question))),
    ...scans.flatMap((scan) => [...(scans.length > 1 ? [h("h3", { class: "model-name" }, `${scan.scan.model.name} · ${scan.file}`)] : []), table(scan)]));
}

function render(context: Context, into: HTMLElement): void {
  const { scans } = context.report;
  append(into, h("div", { class: "page-head" }, h("h1", {}, "Sink levels"),
    h("p", { class: "question" }, "Do sinks begin in the same layers, and last as long, again and again?")));
  const several = h("div", { class: scans.length > 1 ? "side-by-side" : "" });
  append(into, several);
  for (const scan of scans) {
    const { levels, sinks } = scan.levels.files[0];
    const fig = figure("levels", scan.scan.model.name, `${count(total(sinks), "sink")} in ${count(scan.scan.sequences.length, "text")}: ` +
      (levels.length ? `${count(levels.length, "level")}, outlined.` : "no level that holds in resamples of the texts."),
      "Point at a cell, or move to it with Tab.");
    append(several, fig.element);
    if (total(sinks) === 0) {
      append(fig.body, h("p", { class: "nothing" }, "No sinks beside the primary, so there is nothing to cluster. Longer texts show more: sinks are judged by attention from at least 64 queries."));
      continue;
    }
    draw_to_width(fig.body, (width) => draw(scan, fig.body, width, fig));
  }
  const with_sinks = scans.filter((scan) => total(scan.levels.files[0].sinks) > 0);
  if (with_sinks.length === 0) return;
  append(into, h("p", { class: "note" }, "A cell counts sinks on a logarithmic scale of colours; outlines are levels, broken where too few texts show one to be sure. " +
    "The dashed line: sinks that last to the last layer."));
  for (const scan of with_sinks) {
    if (scan.strength.panels.length) append(into, chart_figure(scans.length > 1 ? { ...scan.strength, title: `${scan.strength.title}: ${scan.scan.model.name}` } : scan.strength));
  }
  append(into, tables("The levels", "How often does each occur, how long does it last, and of which tokens is it made? A + marks ends that were cut off by the primary's or the network's.", with_sinks, levels_table));
  const with_levels = with_sinks.filter((scan) => scan.levels.files[0].levels.length > 0);
  if (with_levels.length) append(into, tables("Positions of each level", "Does a level favour the start of a text? Sinks in 1000 eligible tokens, by position.", with_levels, places_table));
}

export const levels: Page = { id: "levels", title: "Levels", of_document: false, render };
