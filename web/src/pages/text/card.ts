// All that is known of one token.

import { decode } from "../../data/blocks";
import { kQuantities } from "../../data/quantities";
import type { DocumentData } from "../../data/report";
import { line_path } from "../../draw/axes";
import { append, h, s } from "../../ui/dom";
import { count, intervals, layers, number, percent, token_name } from "../../ui/format";
import { kind_badge } from "../../ui/kinds";
import { term } from "../../ui/terms";
import type { Context } from "../page";

// A quantity of any token by layer: from its row where it has one, else from the maps.
export function by_layer(data: DocumentData, quantity: string, position: number): (number | undefined)[] | undefined {
  const row = data.row(quantity, position);
  if (row) return row;
  const map = data.map(quantity);
  if (!map) return undefined;
  return Array.from({ length: data.n_layers }, (_, l) => decode(map.scale, map.codes[l * data.n_tokens + position] ?? 0));
}

function sparkline(values: (number | undefined)[], layer: number, cosine: boolean): SVGSVGElement {
  const width = 108, height = 24;
  const known = values.filter((value) => value !== undefined);
  const low = cosine ? -1 : Math.log10(Math.max(1e-6, Math.min(...known)));
  const high = cosine ? 1 : Math.max(low + 0.5, Math.log10(Math.max(1e-6, ...known)));
  const x = (l: number) => 2 + (l / Math.max(1, values.length - 1)) * (width - 4);
  const y = (value: number) => height - 2 - (((cosine ? value : Math.log10(Math.max(1e-6, value))) - low) / (high - low)) * (height - 4);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "spark", "aria-hidden": "true" },
    s("path", { d: `M${x(layer)},0V${height}`, class: "grid" }), s("path", { d: line_path(values, x, y), class: "line" }));
}

function sink_lines(context: Context, position: number): HTMLElement[] {
  const { sequence } = context;
  const lines: HTMLElement[] = [];
  const { primary } = sequence;
  if (primary && (primary.position === position || primary.set.includes(position))) {
    lines.push(h("div", { class: "run" }, kind_badge("primary"), h("p", {},
      `Born at layer ${primary.birth_layer}, active in ${intervals(primary.active_layers)}. Score ${percent(primary.score_mean)} on average, ` +
      `up to ${percent(primary.score_max)}; far boost ${number(primary.far_boost_median)}.`)));
  }
  for (const sink of sequence.sinks.filter((one) => one.position === position)) {
    const rows: [string, string][] = [
      ["state life", count(sink.lifetime, "layer") + (sink.censored ? " or more" : "")],
      ["attention life", sink.attention_lifetime === null ? "–" : count(sink.attention_lifetime, "block")],
      ["norm ratio", number(sink.norm_ratio_median)], ["alignment", number(sink.alignment_median)], ["score", percent(sink.score_mean)],
      ["far boost", number(sink.far_boost_median)], ["far z", number(sink.far_z_median)], ["logit gap", number(sink.logit_gap)],
      ["value norm", sink.value_norm_ratio === null ? "–" : `${number(sink.value_norm_ratio)}×, ${sink.broadcasts ? "broadcasts" : "drains"}`],
    ];
    lines.push(h("div", { class: "run" }, kind_badge(sink.kind), h("p", {}, `Lasts in ${layers(sink.l_start, sink.l_end)}.`),
      h("table", { class: "facts-of-sink" }, h("tbody", {}, ...rows.filter(([, value]) => value !== "–").map(([name, value]) =>
        h("tr", {}, h("th", { scope: "row" }, term(name)), h("td", { class: "number" }, value)))))));
  }
  return lines;
}

export function token_card(context: Context, data: DocumentData, position: number, layer: number): HTMLElement {
  const { sequence } = context;
  const card = h("div", { class: "card" },
    h("p", { class: "card-token" }, h("code", {}, token_name(data.text(position)))),
    h("p", { class: "card-place" }, `position ${position.toLocaleString("en")}` +
      (sequence.document_offset ? ` (${(position + sequence.document_offset).toLocaleString("en")} in the document)` : "") +
      ` · id ${data.token_id(position) ?? "–"}` + (position < sequence.prompt_tokens && sequence.prompt_tokens < sequence.n_tokens ? " · prompt" : "")),
    ...sink_lines(context, position));
  const table = h("tbody");
  const add = (name: string, says: string, values: (number | undefined)[] | undefined, cosine: boolean) => {
    if (!values?.some((value) => value !== undefined)) return;
    append(table, h("tr", {}, h("th", { scope: "row" }, h("abbr", { title: says }, name)), h("td", {}, sparkline(values, layer, cosine)),
      h("td", { class: "number" }, number(values[layer]))));
  };
  for (const quantity of kQuantities) add(quantity.name, quantity.says, by_layer(data, quantity.id, position), quantity.cosine);
  if (table.childElementCount) {
    append(card, h("table", { class: "figures" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "by layer"), h("td"), h("th", { scope: "col", class: "number" }, `layer ${layer}`))), table));
  } else {
    append(card, h("p", { class: "note" }, "An ordinary token. Its figures are in the report for texts with full maps only (report --detail N)."));
  }
  append(card, h("p", { class: "note" }, h("a", { href: context.link("maps", { token: position, layer }) }, "Show on the maps")));
  return card;
}
