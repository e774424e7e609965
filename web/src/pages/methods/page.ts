// Methods: what the words mean, what was asked, with what, and the tables as files.

import type { Scan } from "../../data/report";
import { append, h } from "../../ui/dom";
import { count } from "../../ui/format";
import { download } from "../../ui/save";
import { kWords } from "../../ui/terms";
import type { Context, Page } from "../page";
import { levels_csv, sinks_csv, texts_csv } from "./tables";

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
