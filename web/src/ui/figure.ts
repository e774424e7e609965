// A figure: the question it answers, its drawing, buttons that save it, and a line that says what is pointed at.

import { append, h } from "./dom";
import { download, save_png, save_svg } from "./save";

export interface Figure {
  element: HTMLElement;
  body: HTMLElement;
  // What is pointed at, for eyes and screen readers; nothing clears it.
  say(text: string): void;
}

// data  the figure's numbers as CSV; undefined: no button for it
export function figure(name: string, title: string, question: string, hint: string, controls: HTMLElement[] = [], data?: () => string): Figure {
  const body = h("div", { class: "figure-body" });
  const said = h("p", { class: "said", "aria-live": "polite" }, hint);
  const drawing = () => body.querySelector("svg");
  const save = h(
    "span", { class: "save" },
    h("button", { type: "button", class: "quiet", "aria-label": `Save ${title} as SVG`,
      click: () => { const svg = drawing(); if (svg) save_svg(svg, `sinkscope-${name}`); } }, "SVG"),
    h("button", { type: "button", class: "quiet", "aria-label": `Save ${title} as PNG`,
      click: () => { const svg = drawing(); if (svg) void save_png(svg, `sinkscope-${name}`); } }, "PNG"),
    data ? h("button", { type: "button", class: "quiet", "aria-label": `Save ${title} as CSV`,
      click: () => download(`sinkscope-${name}.csv`, new Blob([data()], { type: "text/csv" })) }, "CSV") : null,
  );
  const element = h(
    "section", { class: "figure", "aria-label": title },
    h("header", {}, h("div", {}, h("h2", {}, title), h("p", { class: "question" }, question)), save),
  );
  if (controls.length) append(element, h("div", { class: "controls" }, ...controls));
  append(element, body, said);
  return { element, body, say: (text) => { said.textContent = text || hint; } };
}

// What stands where there is nothing to show, with the command that would fill it.
export function nothing(why: string, command: string): HTMLElement {
  return h("div", { class: "nothing" }, h("p", {}, why), h("pre", { tabindex: 0 }, h("code", {}, command)));
}

export function select(
  label: string, options: [string, string][], chosen: string, change: (value: string) => void,
): HTMLLabelElement {
  const box = h("select", { change: () => change(box.value) },
    ...options.map(([value, name]) => h("option", { value, selected: value === chosen }, name)));
  return h("label", { class: "control" }, h("span", {}, label), box);
}
