// Effects: what sinks do to the primary and to predictions, by taking them away; what a cache loses by the tokens it keeps.

import { append, h } from "../../ui/dom";
import { nothing } from "../../ui/figure";
import { chart_figure } from "../explained";
import type { Page } from "../page";

export const effects: Page = {
  id: "effects", title: "Effects", of_document: false,
  render(context, into): void {
    append(into, h("div", { class: "page-head" }, h("h1", {}, "Effects"),
      h("p", { class: "question" }, "What do the sinks do to the primary and to predictions, and which tokens must a cache keep? They are taken away, or kept, beside a placebo of ordinary tokens.")));
    const measured = context.scan.effects;
    if (measured) {
      append(into, h("section", { class: "figure", "aria-label": "Verdicts" }, h("header", {}, h("h2", {}, "Verdicts")),
        h("dl", { class: "words claims" }, ...measured.verdicts.flatMap((judged) => [
          h("dt", {}, `${judged.how}, ${judged.about}`), h("dd", {}, h("strong", {}, judged.verdict), `; ${judged.reason}`)]))));
    }
    const charts = measured?.charts.filter((chart) => chart.panels.length > 0) ?? [];
    for (const chart of charts) append(into, chart_figure(chart));
    if (charts.length === 0) {
      append(into, nothing("Of this nothing was measured: it needs the model again.", `sinkscope ablate -m MODEL.gguf ${context.scan.file}\nsinkscope protect -m MODEL.gguf ${context.scan.file}`));
    }
  },
};
