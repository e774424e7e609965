// The page: navigation around one page at a time.

import "./style.css";
import { name_kinds, read_document, read_report, type Report } from "./data/report";
import type { Context } from "./pages/page";
import { kPages } from "./pages/pages";
import { append, h } from "./ui/dom";
import { select } from "./ui/figure";
import { chosen_number, follow_links, go_to, link, read_route } from "./ui/route";

const kThemes = ["auto", "light", "dark"];

function context_of(report: Report): Context | undefined {
  const { chosen } = read_route();
  const scan_index = chosen_number(chosen, "scan", report.scans.length) ?? 0;
  const scan = report.scans[scan_index];
  const document_index = chosen_number(chosen, "doc", scan?.scan.sequences.length ?? 0) ?? 0;
  const sequence = scan?.scan.sequences[document_index];
  if (!scan || !sequence) return undefined;
  name_kinds(scan.scan.options.rule);
  return {
    report, scan, scan_index, sequence, document_index, chosen,
    read_document: () => read_document(scan, document_index),
    link: (page, more = {}) => link(page, { scan: scan_index, doc: document_index, ...more }),
  };
}

function pickers(context: Context, page: string): HTMLElement[] {
  const { report, scan } = context;
  const go = (chosen: Record<string, string | number>) => { go_to(link(page, chosen)); };
  const all: HTMLElement[] = [];
  if (report.scans.length > 1) {
    all.push(select("Model", report.scans.map((one, i): [string, string] => [String(i), `${one.scan.model.name} · ${one.file}`]),
      String(context.scan_index), (value) => go({ scan: value, doc: 0 })));
  }
  if (scan.scan.sequences.length > 1) {
    all.push(select("Text", scan.scan.sequences.map((one, i): [string, string] =>
      [String(i), `${one.id || `document ${i}`}${one.chunk === null ? "" : ` · chunk ${one.chunk}`} (${one.counts.sinks})`]),
      String(context.document_index), (value) => go({ scan: context.scan_index, doc: value })));
  }
  return all;
}

function theme_button(): HTMLElement {
  const signs: Record<string, string> = { auto: "◐", light: "○", dark: "●" };
  const words: Record<string, string> = { auto: "Auto", light: "Light", dark: "Dark" };
  let theme = "auto";
  const sign = h("span", { "aria-hidden": "true" }), word = h("span", { class: "word" });
  const name = () => {
    sign.textContent = signs[theme] ?? "";
    word.textContent = words[theme] ?? "";
    button.setAttribute("aria-label", `${words[theme]}: change between light and dark`);
  };
  const button = h("button", { type: "button", class: "quiet theme", click: () => {
    theme = kThemes[(kThemes.indexOf(theme) + 1) % kThemes.length] ?? "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    name();
    window.dispatchEvent(new Event("hashchange"));
  } }, sign, " ", word);
  name();
  return button;
}

async function show(report: Report, nav: HTMLElement, bar: HTMLElement, main: HTMLElement): Promise<void> {
  const route = read_route();
  const page = kPages.find((one) => one.id === route.page) ?? kPages[0];
  const context = context_of(report);
  if (!page) return;
  const content = h("div", { class: `page page-${page.id}`, "aria-busy": "true" });
  if (!context) {
    main.replaceChildren(h("p", { class: "nothing" }, "This results file holds no texts yet. sinkscope scan fills it."));
    return;
  }
  nav.replaceChildren(...kPages.map((one) => h("a", { href: context.link(one.id), "aria-current": one === page ? "page" : null }, one.title)));
  bar.replaceChildren(...(page.of_document ? pickers(context, page.id) : []));
  main.replaceChildren(content);
  try {
    await page.render(context, content);
  } catch (error) {
    append(content, h("p", { class: "nothing", role: "alert" }, `This page could not be drawn: ${error instanceof Error ? error.message : String(error)}`));
    console.error(error);
  }
  content.removeAttribute("aria-busy");
}

async function start(): Promise<void> {
  const app = document.getElementById("app");
  if (!app) return;
  if (typeof DecompressionStream === "undefined") {
    append(app, h("p", { class: "nothing" }, "This browser is too old for the report: Chrome 80, Firefox 113 or Safari 16.4 or newer shows it."));
    return;
  }
  const nav = h("nav", { "aria-label": "Pages" });
  const bar = h("div", { class: "bar" });
  const main = h("main", { id: "main", tabindex: -1 });
  append(app,
    h("a", { class: "skip", href: "#main", click: (event: Event) => { event.preventDefault(); main.focus(); } }, "Skip to the content"),
    h("header", { class: "top" }, h("span", { class: "brand" }, "sinkscope"), nav, theme_button()), bar, main);
  const report = await read_report();
  let page = read_route().page;
  follow_links();
  await show(report, nav, bar, main);
  performance.mark("first-page");
  window.addEventListener("hashchange", () => {
    const next = read_route().page;
    if (next !== page) window.scrollTo(0, 0);
    page = next;
    void show(report, nav, bar, main);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => void show(report, nav, bar, main));
}

void start();
