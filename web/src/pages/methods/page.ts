// Methods: what the words mean, what was asked, with what, and the tables as files.

import type { Scan } from "../../data/report";
import { append, h } from "../../ui/dom";
import { count } from "../../ui/format";
import { download } from "../../ui/save";
import type { Context, Page } from "../page";
import { levels_csv, sinks_csv, texts_csv } from "./tables";

const kWords: [string, string][] = [
  ["layer l", "The output of transformer block l, from 0. Block l + 1 reads it, so attention to a state of layer l is measured in block l + 1."],
  ["primary", "The position among the first 8 with the largest mean norm ratio, if its direction is born and it draws far attention. Usually the first token."],
  ["score", "The mean attention that a token receives from the queries that can see it, averaged over heads."],
  ["far boost", "Attention from queries at least 64 tokens later, over what uniform attention would give. Measured where there are 64 such queries. Near queries are left out because local attention makes late tokens look like sinks."],
  ["far z", "How many spreads the logarithm of a far boost lies above the median of the ordinary tokens beside it, up to 64 of them. Far boost grows with the text and towards its end, far z does not: the first says how much, the second whether it is more than usual."],
  ["norm ratio", "The norm of a token's state over the median of ordinary tokens in the same text and layer."],
  ["alignment", "The signed cosine between a token's state and the primary's, at the same layer. Centred: with the layer's mean ordinary token taken from both. Read: after the next block's attention norm and gain."],
  ["birth layer", "Where the primary's direction settles: from there on its state points the same way."],
  ["sink", "Two layers or more in a row with high alignment and norm ratio while the primary is active, and far boost and far z in the blocks that read them."],
  ["primary-like, secondary", "A sink that begins with the primary's birth or before it; one that begins later."],
  ["unaligned", "A token that draws far attention in two blocks in a row without pointing the primary's way."],
  ["state life, attention life", "Layers for which the state holds; blocks in a row that go on attending to it. A + marks a state that ends with the primary or the network: it might have lasted longer."],
  ["drains, broadcasts", "A sink whose values are at most half as long as an ordinary token's takes attention and gives little back; others broadcast."],
  ["eligible tokens", "Tokens that could be judged: behind the primary, with at least 64 queries at least 64 positions later. Rates are per 1000 of them."],
  ["level", "A cluster of sinks by first and last layer over all texts that is found again in resamples of them."],
];

// One row a name, one column a results file; where files differ, the row stands out.
function compared(scans: Scan[], values_of: (scan: Scan) => [string, string][], name: string): HTMLElement {
  const columns = scans.map((scan) => new Map(values_of(scan)));
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  const row = (key: string) => {
    const values = columns.map((column) => column.get(key) ?? "–");
    return h("tr", { class: new Set(values).size > 1 ? "differs" : "" }, h("th", { scope: "row" }, key), ...values.map((value) => h("td", {}, value)));
  };
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, h("table", { class: "compared" },
    scans.length > 1 && h("thead", {}, h("tr", {}, h("td"), ...scans.map((scan) => h("th", { scope: "col" }, scan.file)))),
    h("tbody", {}, ...names.map(row))));
}

function section(title: string, ...children: HTMLElement[]): HTMLElement {
  return h("section", { class: "figure" }, h("header", {}, h("h2", {}, title)), ...children);
}

function thresholds(scan: Scan): [string, string][] {
  const { rule, thresholds: of_rule, paper_positions } = scan.scan.options;
  const named = Object.entries(of_rule ?? { paper_positions: paper_positions ?? 2 });
  return [["rule", rule], ...named.map(([name, value]) => [name, String(Number(value.toPrecision(6)))] as [string, string])];
}

function measurement(scan: Scan): [string, string][] {
  return Object.entries(scan.scan.options.measurement).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
}

function provenance(scan: Scan): [string, string][] {
  const { model } = scan.scan;
  const last = scan.program_runs.at(-1);
  return [
    ["model", model.name], ["model file, SHA-256", model.sha256], ["architecture", `${model.arch}, ${model.type}`],
    ["vocabulary", count(model.n_vocab, "token")], ["trained context", count(model.n_ctx_train, "token")],
    ...(last ? ([["sinkscope", last.sinkscope_version], ["llama.cpp", last.llama_version], ["compiler", last.compiler],
      ["precision", last.precision], ["CPU features", last.cpu_features], ["threads", String(last.n_threads)]] as [string, string][]) : []),
    ["runs that wrote the file", String(scan.program_runs.length)],
  ];
}

function data_of(scan: Scan, several: boolean): HTMLElement {
  const stem = scan.file.replace(/(\.scan)?\.db$/, "");
  const save = (name: string, make: (scan: Scan) => string) =>
    h("button", { type: "button", "aria-label": `Save ${stem}.${name}.csv`,
      click: () => download(`${stem}.${name}.csv`, new Blob([make(scan)], { type: "text/csv" })) }, `${name}.csv`);
  return h("div", {}, several && h("h3", { class: "model-name" }, scan.file),
    h("p", { class: "buttons" }, save("sinks", sinks_csv), save("texts", texts_csv), save("levels", levels_csv)));
}

function render(context: Context, into: HTMLElement): void {
  const { scans } = context.report;
  const version = scans[0]?.program_runs.at(-1)?.sinkscope_version ?? "";
  append(into, h("div", { class: "page-head" }, h("h1", {}, "Methods"), h("p", { class: "question" }, "What do the words mean, and how were the numbers made?")),
    section("Definitions", h("dl", { class: "words" }, ...kWords.flatMap(([word, meaning]) => [h("dt", {}, word), h("dd", {}, meaning)]))),
    section("Data", h("p", {}, "The tables behind the pages. ", h("code", {}, `sinkscope export ${scans[0]?.file ?? "out.scan.db"} --format csv`),
      " writes every run of layers, sink or not; ", h("code", {}, "--format safetensors"), " the arrays by layer and token."),
    ...scans.map((scan) => data_of(scan, scans.length > 1))),
    section("Thresholds", compared(scans, thresholds, "Thresholds")),
    section("Measurement", compared(scans, measurement, "Measurement")),
    section("Model and program", compared(scans, provenance, "Model and program")),
    section("How to cite", h("p", {}, `Made with sinkscope ${version}. Cite the program with its version and the model's SHA-256 above; secondary sinks are described in:`),
      h("p", {}, h("cite", {}, "On the Existence and Behaviour of Secondary Attention Sinks"), ", arXiv 2512.22213; the score in Gu et al., arXiv 2410.10781.")));
}

export const methods: Page = { id: "methods", title: "Methods", of_document: false, render };
