// Text: the document as it reads, its sinks marked, painted by any quantity at any layer.

import { decode } from "../../data/blocks";
import { first_code, kQuantities } from "../../data/quantities";
import { kKinds, kind_names, type DocumentData } from "../../data/report";
import { append, h } from "../../ui/dom";
import { select } from "../../ui/figure";
import { count, number, token_name, visible_controls } from "../../ui/format";
import { kind_badge } from "../../ui/kinds";
import { chosen_number, remember } from "../../ui/route";
import type { Context, Page } from "../page";
import { token_card } from "./card";
import { kNone, sinks_by_position, strength, type TokenSink } from "./paint";

// A piece ends with a line: at the first end of one after so many tokens, and anywhere after kMostPieceTokens.
const kPieceTokens = 160, kMostPieceTokens = 1024;
const kLineCharacters = 80, kLinePixels = 30;

interface Piece {
  element: HTMLElement;
  first: number;
  end: number;
}

// The text in pieces that are laid out and painted only while they are in sight.
class TextView {
  readonly element = h("div", { class: "text", tabindex: 0, role: "application", "aria-label": "Text. Arrow keys move by token, n and p by sink, ? lists keys." });
  private readonly in_sight = new Set<Piece>();
  private readonly tokens: HTMLElement[] = [];
  private map: ReturnType<DocumentData["map"]>;
  private layer = 0;
  private first_code = 1;
  private current = -1;
  private readonly painted: Int16Array; // percent, of each token

  constructor(
    private readonly data: DocumentData,
    private readonly sinks: Map<number, TokenSink[]>,
    private readonly pointed: (position: number) => void,
    private readonly picked: (position: number) => void,
  ) {
    this.painted = new Int16Array(data.n_tokens);
    const pieces = new Map<Element, Piece>();
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const piece = pieces.get(entry.target);
        if (!piece) continue;
        if (entry.isIntersecting) {
          this.in_sight.add(piece);
          this.paint_piece(piece);
        } else {
          this.in_sight.delete(piece);
        }
      }
    }, { rootMargin: "200px" });
    for (let first = 0; first < data.n_tokens;) {
      const piece = this.piece(first);
      pieces.set(piece.element, piece);
      this.element.append(piece.element);
      watcher.observe(piece.element);
      first = piece.end;
    }
    this.element.addEventListener("pointerover", (event) => {
      const position = position_of(event.target);
      if (position !== undefined) this.pointed(position);
    });
    this.element.addEventListener("click", (event) => {
      const position = position_of(event.target);
      if (position !== undefined) this.go(position, false);
    });
  }

  private piece(first: number): Piece {
    const element = h("div", { class: "piece" });
    let end = first, text = "";
    while (end < this.data.n_tokens && end - first < kMostPieceTokens && !(end - first >= kPieceTokens && text.endsWith("\n"))) {
      element.append(this.token(end));
      text += this.data.text(end++);
    }
    // The height it takes until it is laid out.
    const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / kLineCharacters)), 0);
    element.style.containIntrinsicBlockSize = `auto ${lines * kLinePixels}px`;
    return { element, first, end };
  }

  private token(position: number): HTMLElement {
    const text = this.data.text(position);
    const sinks = this.sinks.get(position);
    const element = h("span", { class: "tok", "data-t": position });
    if (sinks) {
      element.classList.add("sink", sinks[0]?.kind ?? "secondary");
      element.style.setProperty("--strength", `${Math.round(100 * strength(sinks[0] ?? kNone))}%`);
      element.title = sinks.map((sink) => kind_names[sink.kind]).join(", ");
      // What would be invisible is shown, then what it stands for.
      const blank = text.trim() === "";
      const lead = blank ? "" : (/^\s*/.exec(text)?.[0] ?? "");
      append(element, lead, h("span", { class: "word" }, blank ? token_name(text) : visible_controls(text.slice(lead.length))));
      if (blank && text.includes("\n")) {
        const both = document.createElement("span");
        both.append(element, text.replace(/[^\n]/g, ""));
        this.tokens[position] = element;
        return both;
      }
    } else {
      element.textContent = visible_controls(text);
    }
    this.tokens[position] = element;
    return element;
  }

  // Paints by a map's codes in a layer; without a map, shows sinks alone.
  // Codes below `first_code` stay bare.
  paint(map: ReturnType<DocumentData["map"]>, first_code: number, layer: number): void {
    this.map = map;
    this.first_code = first_code;
    this.layer = layer;
    this.element.classList.toggle("painted", map !== undefined);
    for (const piece of this.in_sight) this.paint_piece(piece);
    this.tokens.forEach((token, t) => {
      const sinks = this.sinks.get(t);
      if (sinks) token.classList.toggle("asleep", !sinks.some((sink) => layer >= sink.l_start && layer <= sink.l_end));
    });
  }

  private paint_piece(piece: Piece): void {
    if (!this.map) return;
    for (let t = piece.first; t < piece.end; ++t) {
      const code = this.map.codes[this.layer * this.data.n_tokens + t] ?? 0;
      const strength = Math.round((100 * Math.max(0, code - this.first_code)) / (255 - this.first_code));
      if (this.painted[t] === strength) continue;
      this.painted[t] = strength;
      this.tokens[t]?.style.setProperty("--code", `${strength}%`);
    }
  }

  go(position: number, scroll = true): void {
    this.tokens[this.current]?.classList.remove("current");
    this.current = position;
    const token = this.tokens[position];
    if (!token) return;
    token.classList.add("current");
    if (scroll) token.scrollIntoView({ block: "center", behavior: "instant" });
    this.picked(position);
  }

  get position(): number {
    return this.current;
  }

  find(positions: Set<number>): void {
    this.tokens.forEach((token, t) => token.classList.toggle("found-here", positions.has(t)));
  }
}

function position_of(target: EventTarget | null): number | undefined {
  const token = target instanceof Element ? target.closest<HTMLElement>(".tok") : null;
  return token ? Number(token.dataset.t) : undefined;
}

// Positions of the tokens in which a text occurs, each occurrence by its first token.
function search(data: DocumentData, wanted: string): number[] {
  if (wanted === "") return [];
  const starts: number[] = [];
  let text = "";
  for (let t = 0; t < data.n_tokens; ++t) {
    starts.push(text.length);
    text += data.text(t).toLowerCase();
  }
  const found: number[] = [];
  let token = 0;
  for (let at = text.indexOf(wanted.toLowerCase()); at >= 0 && found.length < 10_000; at = text.indexOf(wanted.toLowerCase(), at + 1)) {
    while (token + 1 < starts.length && (starts[token + 1] ?? 0) <= at) ++token;
    if (found.at(-1) !== token) found.push(token);
  }
  return found;
}

// The numbers that the paint stands for.
function paint_key(map: NonNullable<ReturnType<DocumentData["map"]>>, first: number): HTMLElement {
  return h("span", { class: "paint-key" }, number(decode(map.scale, first)), h("i", { "aria-hidden": "true" }),
    `${number(decode(map.scale, 255))}${map.scale.logarithmic ? ", in equal factors" : ""}`);
}

function legend(key: HTMLElement | undefined): HTMLElement {
  return h("p", { class: "legend" }, ...kKinds.map(kind_badge), key,
    h("span", { class: "note" }, key ? "Ground: the chosen quantity at the chosen layer. Sinks fade in layers outside their life." :
      "The stronger the ground, the more attention a sink draws from far."));
}

// The layer in which most sinks live; of several the middle one, and without sinks the network's middle.
function liveliest_layer({ sinks }: Context["sequence"], n_layers: number): number {
  const alive = Array.from({ length: n_layers }, (_, l) => sinks.filter((sink) => l >= sink.l_start && l <= sink.l_end).length);
  const most = Math.max(...alive);
  const layers = alive.flatMap((n, l) => (n === most ? [l] : []));
  return layers[Math.floor(layers.length / 2)] ?? 0;
}

// What keys do. In the text itself they move by token too.
const kKeys: [string, string][] = [
  ["n, p", "the next sink, the one before"], ["← →", "a token on or back, in the text"], ["Home, End", "the first token, the last, in the text"],
  ["[ ]", "a layer back or on"], ["/", "search the text"], ["Esc", "let go of the token"], ["?", "this list"],
];

function keys_dialog(): HTMLDialogElement {
  const dialog = h("dialog", { class: "keys", "aria-label": "Keys" },
    h("h2", {}, "Keys"), h("dl", {}, ...kKeys.flatMap(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])),
    h("form", { method: "dialog" }, h("button", { type: "submit" }, "Close")));
  return dialog;
}

async function render(context: Context, into: HTMLElement): Promise<void> {
  const { sequence, chosen } = context;
  const data = await context.read_document();
  const sinks = sinks_by_position(sequence);
  const sink_positions = [...sinks.keys()].sort((a, b) => a - b);
  const n_layers = data.n_layers;
  const quantities = kQuantities.filter((quantity) => data.map(quantity.id));
  let layer = chosen_number(chosen, "layer", n_layers) ?? liveliest_layer(sequence, n_layers);
  let paint = quantities.some((quantity) => quantity.id === chosen.get("paint")) ? (chosen.get("paint") ?? "") : "";
  let pinned = -1;

  const side = h("aside", { class: "side", "aria-live": "polite", "aria-label": "Token" });
  const show = (position: number) => side.replaceChildren(token_card(context, data, position, layer));
  const view = new TextView(data, sinks,
    (position) => { if (pinned < 0) show(position); },
    (position) => { pinned = position; show(position); remember({ token: position }); });
  const repaint = () => {
    const quantity = quantities.find((one) => one.id === paint);
    const map = quantity && data.map(quantity.id);
    const first = quantity && map ? first_code(quantity, map.scale) : 1;
    view.paint(map, first, layer);
    if (pinned >= 0) show(pinned);
    keys.replaceChildren(legend(map && paint_key(map, first)));
  };
  const keys = h("div");

  const layer_name = h("output", {}, String(layer));
  const slider = h("input", { type: "range", min: 0, max: n_layers - 1, value: layer, "aria-label": "Layer",
    input: () => to_layer(Number(slider.value)) });
  const to_layer = (next: number) => {
    layer = Math.min(n_layers - 1, Math.max(0, next));
    layer_name.textContent = slider.value = String(layer);
    repaint();
    remember({ layer });
  };
  const step = (by: number) => {
    const next = by > 0 ? sink_positions.find((position) => position > view.position) : sink_positions.findLast((position) => position < view.position);
    const wrapped = next ?? (by > 0 ? sink_positions[0] : sink_positions.at(-1));
    if (wrapped !== undefined) view.go(wrapped);
  };
  let found: number[] = [];
  const result = h("span", { class: "note", "aria-live": "polite" });
  const box = h("input", { type: "search", placeholder: "Search the text", "aria-label": "Search the text",
    input: () => {
      found = search(data, box.value);
      view.find(new Set(found));
      result.textContent = box.value === "" ? "" : found.length === 0 ? "not found" : count(found.length, "place");
    },
    keydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || found.length === 0) return;
      view.go(found.find((position) => position > view.position) ?? found[0] ?? 0);
    } });
  const dialog = keys_dialog();
  const of_text: Record<string, () => void> = {
    ArrowRight: () => view.go(Math.min(view.position + 1, data.n_tokens - 1)),
    ArrowLeft: () => view.go(Math.max(view.position - 1, 0)),
    Home: () => view.go(0),
    End: () => view.go(data.n_tokens - 1),
  };
  const of_page: Record<string, () => void> = {
    n: () => step(1),
    p: () => step(-1),
    "[": () => to_layer(layer - 1),
    "]": () => to_layer(layer + 1),
    "/": () => box.focus(),
    Escape: () => { pinned = -1; },
    "?": () => dialog.showModal(),
  };
  const on_key = (event: KeyboardEvent) => {
    if (!view.element.isConnected) return document.removeEventListener("keydown", on_key);
    const writes = event.target instanceof Element && event.target.closest("input[type=search], select, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || writes) return;
    const move = of_page[event.key] ?? (view.element.contains(event.target as Node) ? of_text[event.key] : undefined);
    if (move) { event.preventDefault(); move(); }
  };
  document.addEventListener("keydown", on_key);

  append(into,
    h("div", { class: "page-head" }, h("h1", {}, "Text"),
      h("p", { class: "question" }, `Which tokens of ${sequence.id} become sinks, and where do they stand?`)),
    h("div", { class: "controls sticky" },
      quantities.length > 0 && select("Paint by", [["", "sinks only"], ...quantities.map((one): [string, string] => [one.id, one.name])], paint,
        (value) => { paint = value; repaint(); remember({ paint }); }),
      h("label", { class: "control" }, h("span", {}, "Layer ", layer_name), slider),
      h("span", { class: "control buttons" },
        h("button", { type: "button", click: () => step(-1) }, "‹ sink"), h("button", { type: "button", click: () => step(1) }, "sink ›")),
      h("span", { class: "control" }, box, result),
      h("button", { type: "button", class: "quiet", "aria-label": "Keys", title: "Keys", click: () => dialog.showModal() }, "?")),
    keys,
    h("div", { class: "reader" }, view.element, side), dialog);
  repaint();
  const token = chosen_number(chosen, "token", data.n_tokens);
  const first = token ?? sink_positions.find((position) => !sequence.primary?.set.includes(position) && position !== sequence.primary?.position) ?? sink_positions[0];
  if (token !== undefined) view.go(token);
  else if (first !== undefined && !matchMedia("(max-width: 900px)").matches) show(first);
  else side.replaceChildren(h("p", { class: "note" }, `${sinks.size ? "" : "No sinks in this text. "}Pick a token for its figures.`));
}

export const text: Page = { id: "text", title: "Text", of_document: true, render };
