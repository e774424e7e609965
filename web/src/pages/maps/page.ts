// Maps: one quantity over all layers and tokens of a text.

import { error_in_words } from "../../data/blocks";
import { first_colour, kQuantities, scale_of } from "../../data/quantities";
import { ramp } from "../../draw/colour";
import { append, draw_to_width, h } from "../../ui/dom";
import { figure, nothing, select } from "../../ui/figure";
import { chosen_number, remember } from "../../ui/route";
import type { Context, Page } from "../page";
import { sinks_by_position } from "../text/paint";
import { heads_figure } from "./heads";
import { HeatMap } from "./map";
import { draw_rows, type RowsCursor } from "./rows";

async function render(context: Context, into: HTMLElement): Promise<void> {
  const { sequence, chosen, scan } = context;
  const data = await context.read_document();
  const sinks = sinks_by_position(sequence);
  const usable = kQuantities.filter((quantity) => data.map(quantity.id) || data.row(quantity.id, data.rows[0] ?? -1)?.some((value) => value !== undefined));
  let quantity = usable.find((one) => one.id === chosen.get("quantity")) ?? usable[0];
  append(into, h("div", { class: "page-head" }, h("h1", {}, "Layers × tokens"), h("p", { class: "question" }, "Where in the network, and where in the text?")));
  if (!quantity) {
    append(into, nothing("This text has no figures by layer: it has neither a primary nor sinks, and no profiles were kept.", "sinkscope scan -m MODEL.gguf -f TEXT -o out.scan.db --keep profiles"));
    return;
  }
  const token = chosen_number(chosen, "token", data.n_tokens);
  const start = { token: token ?? sequence.sinks[0]?.position ?? 0, layer: chosen_number(chosen, "layer", data.n_layers) ?? sequence.sinks[0]?.l_start ?? 0 };
  const pick = (t: number, layer: number) => remember({ token: t, layer });

  const chooser = select("Quantity", usable.map((one): [string, string] => [one.id, one.name]), quantity.id, (value) => {
    quantity = usable.find((one) => one.id === value) ?? quantity;
    remember({ quantity: value });
    repaint();
  });
  let map: HeatMap | undefined;
  const buttons = h("span", { class: "control buttons" },
    h("button", { type: "button", "aria-label": "Zoom in", click: () => map?.zoom(0.6) }, "+"),
    h("button", { type: "button", "aria-label": "Zoom out", click: () => map?.zoom(1.7) }, "−"),
    h("button", { type: "button", click: () => map?.show() }, "All"));
  const large = figure("map", "The whole text", "", "Point at the map, or focus it and use the arrow keys. Drag to pan; wheel with Ctrl or Shift, or + and −, to zoom.", [chooser, buttons]);
  const question = large.element.querySelector(".question");
  const note = h("p", { class: "note" });
  const rows = figure("rows", "The primary and the sinks, pinned", "The same quantity by layer, one row a sink: exact numbers.", "Point at a cell, or focus the drawing and use the arrow keys.");
  const cursor: RowsCursor = { at: undefined };

  let rows_width = 0;
  const painted = () => {
    if (!quantity) return undefined;
    const { id } = quantity;
    const codes = data.map(id);
    const scale = codes?.scale ?? scale_of(data.rows.flatMap((position) => data.row(id, position) ?? []), quantity);
    const lowest = first_colour(quantity, scale);
    return { quantity, codes, scale, lowest, colours: ramp(quantity.cosine, lowest) };
  };
  const repaint = () => {
    const now = painted();
    if (!now) return;
    if (question) question.textContent = now.quantity.says;
    if (map && now.codes) map.paint({ ...now, codes: now.codes.codes });
    note.textContent = now.codes ? `The map holds 8-bit values, off by at most ${error_in_words(now.scale)}${now.scale.logarithmic ? ", on a logarithmic scale" : ""}; ` +
      "sinks' rows are exact. Blank: not measured. Where a pixel stands for several tokens it shows the largest." : "";
    if (rows_width) draw_rows(rows.body, rows_width, data, sinks, now.quantity, now.scale, now.colours, now.lowest, cursor, rows.say, go);
  };
  const go = (t: number, layer: number) => { map?.show(t); map?.move_to(t, layer); pick(t, layer); };

  append(into, large.element);
  const first = painted();
  if (first?.codes) {
    append(large.element, note);
    map = new HeatMap(large.body, data, sinks, { ...first, codes: first.codes.codes }, large.say, pick, start);
    const drawn = map;
    draw_to_width(large.body, (width) => drawn.draw(width));
    if (token !== undefined) requestAnimationFrame(() => { drawn.show(token); drawn.move_to(token, start.layer); });
  } else {
    buttons.remove();
    append(large.body, scan.keep === "runs"
      ? nothing("This results file keeps the figures of sinks only, so there is no map of all tokens.", "sinkscope scan -m MODEL.gguf -f TEXT -o out.scan.db --keep profiles")
      : nothing("Maps are in the report for the texts with the most sinks only. For more of them:", `sinkscope report ${scan.file} --detail ${scan.documents.length} -o report.html`));
  }
  if (data.rows.length) append(into, rows.element, heads_figure(data, sequence, chosen));
  repaint();
  draw_to_width(rows.body, (width) => { rows_width = width; repaint(); });
}

export const maps: Page = { id: "maps", title: "Map", of_document: true, render };
