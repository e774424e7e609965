// What the pages of `sinkscope explain` share: claims with their verdicts, and charts that the program has prepared.

import type { Chart, Claim } from "../data/report";
import { chart_svg } from "../draw/chart";
import { append, draw_to_width, h } from "../ui/dom";
import { figure, nothing } from "../ui/figure";
import { count, number } from "../ui/format";
import { csv } from "./methods/tables";
import type { Context, Page } from "./page";

function figures_of(claim: Claim): string {
  if (claim.effect === null) return "";
  const parts = [`${claim.unit}: ${number(claim.effect)}`];
  if (claim.interval_95) parts.push(`95 %: ${number(claim.interval_95[0])} to ${number(claim.interval_95[1])}`);
  if (claim.p !== null) parts.push(`p ${number(claim.p)}`);
  if (claim.null !== null) parts.push(`null ${number(claim.null)}`);
  const n = claim.n_sinks > 0 ? `${count(claim.n_sinks, "sink")} in ` : "";
  return `${parts.join("; ")}; ${n}${count(claim.n_sequences, "text")}`;
}

function claims_list(claims: Claim[]): HTMLElement {
  return h("dl", { class: "words claims" }, ...claims.flatMap((claim) => [
    h("dt", {}, claim.claim === claim.kind ? claim.claim : `${claim.claim}, ${claim.kind}`),
    h("dd", {}, h("strong", {}, claim.verdict), claim.verdict === "not enough" ? claim.sentence.replace(/^not enough/, "") : `; ${claim.sentence}`,
      claim.effect === null ? null : h("span", { class: "note" }, ` ${figures_of(claim)}`))]));
}

// Every number of a chart, one row each.
export function chart_csv(chart: Chart): string {
  return csv(["panel", "series", "form", "x", "x_name", "y", "low", "says"], chart.panels.flatMap((panel) =>
    panel.series.flatMap((series) => series.x.map((x, i) =>
      [panel.title, series.name, series.form, x, panel.x.names[x], series.y[i], series.low[i], series.says[i]]))));
}

export function chart_figure(chart: Chart): HTMLElement {
  const fig = figure(chart.id, chart.title, chart.question, "Point at a mark to read it; the CSV has every number.", [], () => chart_csv(chart));
  draw_to_width(fig.body, (width) => fig.body.replaceChildren(chart_svg(chart, width, fig.say)));
  return fig.element;
}

// A page of the charts that name it, and of the claims that these are about.
export function explained_page(id: string, title: string, question: string, claims: string[]): Page {
  return {
    id, title, of_document: false,
    render(context: Context, into: HTMLElement): void {
      append(into, h("div", { class: "page-head" }, h("h1", {}, title), h("p", { class: "question" }, question)));
      const explained = context.scan.explained;
      const charts = explained?.charts.filter((chart) => chart.page === id && chart.panels.length > 0) ?? [];
      const judged = explained?.claims.filter((claim) => claims.some((name) => claim.claim === name || claim.claim.startsWith(`${name}_`))) ?? [];
      if (judged.length) append(into, h("section", { class: "figure", "aria-label": "Claims" }, h("header", {}, h("h2", {}, "Claims")), claims_list(judged)));
      for (const chart of charts) append(into, chart_figure(chart));
      if (charts.length === 0) {
        append(into, nothing("Of this nothing was measured: it needs the model again.", `sinkscope explain -m MODEL.gguf ${context.scan.file}`));
      }
    },
  };
}
