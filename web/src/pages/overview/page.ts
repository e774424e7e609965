// Overview: the model, what it was given, and what was found.

import { kind_names, kKinds, type DocumentData, type Scan, type Sequence, type Sink } from "../../data/report";
import { append, draw_to_width, h } from "../../ui/dom";
import { figure } from "../../ui/figure";
import { count, number, percent, token_name } from "../../ui/format";
import { kind_badge } from "../../ui/kinds";
import { term } from "../../ui/terms";
import type { Context, Page } from "../page";
import { draw_lives } from "./lives";

const kTableRows = 100, kContext = 14;

function tiles({ scan }: Context): HTMLElement {
  const { by_kind } = scan.scan.totals.counts;
  const { n_sequences } = scan.scan.totals;
  const says = {
    primary: n_sequences === 1 ? (by_kind.primary ? "the first token, as a rule" : "none in this text") : `in ${count(n_sequences, "text")}`,
    ...(scan.scan.options.rule === "paper" ? {
      primary_like: "flagged in almost all layers", secondary: "flagged in 5 layers or more", unaligned: "flagged in 4 layers or fewer",
    } : { primary_like: "born with the primary", secondary: "emerge later, in middle layers", unaligned: "draw attention, point elsewhere" }),
  };
  return h("div", { class: "tiles" }, ...kKinds.map((kind) =>
    h("div", { class: `tile ${kind}${by_kind[kind] ? "" : " zero"}` },
      h("span", { class: "big" }, by_kind[kind].toLocaleString("en")), kind_badge(kind), h("small", {}, says[kind]))));
}

function in_text(data: DocumentData, sink: Sink): HTMLElement {
  const { before, after } = data.around(sink.position, kContext);
  return h("td", { class: "context" }, h("span", { class: "wide" }, before.padStart(kContext)), h("b", {}, token_name(sink.text)), h("span", { class: "wide" }, after));
}

function sinks_table(context: Context, data: DocumentData): HTMLElement {
  const { sequence } = context;
  const rows = sequence.sinks.slice(0, kTableRows);
  const head = ["position", "in the text", "kind", "layers", "state life", "attn. life", "alignment", "norm ratio", "score", "far boost"];
  const narrow = ["position", "in the text", "kind", "layers", "far boost"];  // what a phone keeps in sight
  const cell_class = (name: string) => [name === "in the text" || name === "kind" ? "" : "number", narrow.includes(name) ? "" : "wide"].join(" ").trim();
  const table = h("table", {},
    h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", class: cell_class(name) }, term(name))))),
    h("tbody", {}, ...rows.map((sink) => h("tr", {},
      h("td", { class: "number" }, h("a", { href: context.link("text", { token: sink.position }) }, sink.position.toLocaleString("en"))),
      in_text(data, sink),
      h("td", {}, kind_badge(sink.kind)),
      ...[`${sink.l_start}–${sink.l_end}`, `${sink.lifetime}${sink.censored ? "+" : ""}`, String(sink.attention_lifetime ?? "–"),
        number(sink.alignment_median), number(sink.norm_ratio_median), number(sink.score_mean), number(sink.far_boost_median),
      ].map((text, i) => h("td", { class: cell_class(head[i + 3] ?? "") }, text))))));
  const more = sequence.sinks.length - rows.length;
  return h("section", { class: "figure" },
    h("header", {}, h("div", {}, h("h2", {}, `Sinks of ${sequence.id}`),
      h("p", { class: "question" }, "Every sink beside the primary, with its medians over the layers it lasts. A + marks one that ends with the primary or the network and might have lasted longer."))),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of sinks" }, table),
    more > 0 && h("p", { class: "note" }, `… and ${more} more; Methods has all of them as CSV.`));
}

function documents_table(context: Context): HTMLElement {
  const { sequences } = context.scan.scan;
  const row = (sequence: Sequence, i: number) => h("tr", { class: i === context.document_index ? "chosen" : "" },
    h("td", {}, h("a", { href: context.link("text", { doc: i }) }, sequence.id || `document ${i}`), sequence.chunk === null ? "" : ` · chunk ${sequence.chunk}`),
    h("td", { class: "number" }, sequence.n_tokens.toLocaleString("en")),
    ...kKinds.map((kind) => h("td", { class: "number" }, sequence.counts.by_kind[kind] || "·")));
  return h("section", { class: "figure" },
    h("header", {}, h("div", {}, h("h2", {}, "Texts"), h("p", { class: "question" }, "Which texts hold which sinks?"))),
    h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Table of texts" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "text"), h("th", { scope: "col", class: "number" }, "tokens"),
        ...kKinds.map((kind) => h("th", { scope: "col", class: "number" }, kind_names[kind])))),
      h("tbody", {}, ...sequences.map(row)))));
}

// The first text's primary, in a few words.
function primary_in_words(scan: Scan): string {
  const primary = scan.scan.sequences.find((one) => one.primary)?.primary;
  return primary ? `“${token_name(primary.text)}” at ${primary.position}, born in layer ${primary.birth_layer}` : "none";
}

// All results of the report, a row each.
function compared(context: Context): HTMLElement {
  const numeric = (text: string, wide = "") => h("td", { class: `number ${wide}` }, text);
  const head = ["model", "texts", "judged", "first primary", ...kKinds.slice(1).map((kind) => kind_names[kind]), "per 1000", "sinks take", "primary takes"];
  const wide = new Set(["texts", "judged", "first primary", "per 1000", "primary takes", kind_names.unaligned]);
  const row = (scan: Scan, i: number) => {
    const { model, totals } = scan.scan;
    return h("tr", { class: i === context.scan_index ? "chosen" : "" },
      h("td", {}, h("a", { href: context.link("overview", { scan: i, doc: 0 }), title: scan.headline }, model.name), h("small", {}, ` ${scan.file}`)),
      numeric(totals.n_sequences.toLocaleString("en"), "wide"), numeric(totals.eligible_tokens.toLocaleString("en"), "wide"),
      h("td", { class: "wide" }, primary_in_words(scan)),
      ...kKinds.slice(1).map((kind) => numeric(totals.counts.by_kind[kind] ? totals.counts.by_kind[kind].toLocaleString("en") : "·", wide.has(kind_names[kind]) ? "wide" : "")),
      numeric(number(scan.levels.files[0].sinks.per_1000), "wide"), numeric(percent(scan.attention_taken.sinks)), numeric(percent(scan.attention_taken.primary), "wide"));
  };
  return h("section", { class: "figure all-results" },
    h("header", {}, h("div", {}, h("h2", {}, "Side by side"),
      h("p", { class: "question" }, "Sinks by kind; of 1000 tokens that could be judged; the most that they and the primary take of a block’s attention, in the middle text."))),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of results" }, h("table", {},
      h("thead", {}, h("tr", {}, ...head.map((name, i) => h("th", { scope: "col", class: `${i === 0 || i === 3 ? "" : "number"} ${wide.has(name) ? "wide" : ""}` }, term(name))))),
      h("tbody", {}, ...context.report.scans.map(row)))));
}

async function render(context: Context, into: HTMLElement): Promise<void> {
  const { scan, sequence } = context;
  const { model, totals } = scan.scan;
  append(into,
    h("div", { class: "hero" },
      h("h1", {}, scan.headline),
      h("p", { class: "facts" }, h("b", {}, model.name), ` · ${model.type} · ${model.n_layers} layers · ${model.n_heads} heads (${model.n_kv_heads} KV) · ` +
        `width ${model.d_model} · ${count(totals.n_sequences, "text")}, ${count(totals.n_tokens, "token")}, ${totals.eligible_tokens.toLocaleString("en")} of which could be judged`)),
    context.report.scans.length > 1 && compared(context),
    tiles(context));
  const lives = figure("lives", totals.n_sequences === 1 ? "Sinks by layer" : `Sinks by layer in ${sequence.id}`,
    "In which layers does each sink last? The primary first, the others by position.", "Point at a row, or move to it with Tab; Enter shows the token in its text.");
  append(into, h("div", { class: "beside" }, lives.element,
    h("div", { class: "summary" }, h("section", { class: "found" }, h("h2", {}, "What was found"), ...scan.findings.map((sentence) => h("p", {}, sentence))),
    scan.warnings.length > 0 && h("section", { class: "alerts", role: "note" }, h("h2", {}, "To keep in mind"), h("ul", {}, ...scan.warnings.map((alert) => h("li", {}, alert)))))));
  draw_to_width(lives.body, (width) => draw_lives(context, lives.body, width, lives.say));
  if (sequence.sinks.length) append(into, sinks_table(context, await context.read_document()));
  if (scan.scan.sequences.length > 1) append(into, documents_table(context));
}

export const overview: Page = { id: "overview", title: "Overview", of_document: true, render };
