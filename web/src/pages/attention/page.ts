// Who takes the attention of a document, by block.

import { append, h } from "../../ui/dom";
import { nothing } from "../../ui/figure";
import { chart_figure } from "../explained";
import type { Context, Page } from "../page";

async function render(context: Context, into: HTMLElement): Promise<void> {
  const data = await context.read_document();
  append(into, h("div", { class: "page-head" }, h("h1", {}, "Attention by block"),
    h("p", { class: "question" }, `Who takes the attention in ${context.sequence.id}?`)));
  if (data.attention.panels.length === 0) {
    append(into, nothing("There is no primary sink, or attention was not measured.", `sinkscope show ${context.scan.file}`));
    return;
  }
  append(into, h("p", { class: "note" }, "The attention of a block is shared out among all tokens: parts add up to 1. The primary counts in every block; a sink in the blocks that read the layers in which it is one."));
  append(into, chart_figure(data.attention));
}

export const attention: Page = { id: "attention", title: "Attention", of_document: true, render };
