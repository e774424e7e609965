// The large map: zoom, pan, crosshair.

import { decode, type Scale } from "../../data/blocks";
import { reading, type Quantity } from "../../data/quantities";
import { kind_names, type DocumentData } from "../../data/report";
import { bottom_axis, left_axis, svg_of } from "../../draw/axes";
import { columns, draw_codes } from "../../draw/heat";
import { key_room, named_key } from "../../draw/key";
import { layer_ticks, linear } from "../../draw/scale";
import { append, h, s } from "../../ui/dom";
import { token_name } from "../../ui/format";
import { mark } from "../../ui/kinds";
import type { TokenSink } from "../text/paint";

const kFewestTokens = 8;

export interface Painted {
  quantity: Quantity;
  codes: Uint8Array;
  scale: Scale;
  colours: Uint32Array;
  lowest: number; // the code at which colours begin
}

export class HeatMap {
  private first = 0;
  private end: number;
  private width = 0;
  private svg: SVGSVGElement | undefined;
  private canvas = h("canvas", { class: "heat" });
  private cross: { layer: number; token: number };
  private readonly pointers = new Map<number, number>();

  constructor(
    private readonly into: HTMLElement,
    private readonly data: DocumentData,
    private readonly sinks: Map<number, TokenSink[]>,
    private painted: Painted,
    private readonly say: (text: string) => void,
    private readonly picked: (token: number, layer: number) => void,
    start: { layer: number; token: number },
  ) {
    this.end = data.n_tokens;
    this.cross = start;
    into.classList.add("map");
    into.tabIndex = 0;
    into.setAttribute("role", "application");
    into.setAttribute("aria-label", "Map of layers by tokens. Arrow keys move the crosshair, plus and minus zoom, 0 shows all.");
    into.addEventListener("wheel", (event) => this.on_wheel(event), { passive: false });
    into.addEventListener("keydown", (event) => this.on_key(event));
    into.addEventListener("pointerdown", (event) => this.on_down(event));
    into.addEventListener("pointermove", (event) => this.on_move(event));
    for (const name of ["pointerup", "pointercancel"] as const) into.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
  }

  paint(painted: Painted): void {
    this.painted = painted;
    this.draw(this.width);
  }

  // Shows what lies around a token, or all.
  show(token?: number): void {
    if (token === undefined) this.look(0, this.data.n_tokens);
    else this.look(token - 48, token + 49);
  }

  zoom(factor: number, around = (this.first + this.end) / 2): void {
    this.look(around - (around - this.first) * factor, around + (this.end - around) * factor);
  }

  private look(first: number, end: number): void {
    const n = this.data.n_tokens;
    const span = Math.min(n, Math.max(Math.min(kFewestTokens, n), end - first));
    this.first = Math.min(Math.max(0, first), n - span);
    this.end = this.first + span;
    this.draw(this.width);
  }

  private frame() {
    const top = key_room(this.width) + 20, bottom = 42;
    return { width: this.width, height: Math.min(440, Math.max(220, this.data.n_layers * 12)) + top + bottom, left: 48, right: 14, top, bottom };
  }

  private x() {
    const frame = this.frame();
    return linear(this.first, this.end, frame.left, frame.width - frame.right, Math.max(3, Math.floor(frame.width / 110)));
  }

  private y() {
    const frame = this.frame();
    return linear(0, this.data.n_layers, frame.height - frame.bottom, frame.top);
  }

  draw(width: number): void {
    if (width === 0) return;
    this.width = width;
    const frame = this.frame();
    const x = this.x(), y = this.y();
    const inner = { width: width - frame.left - frame.right, height: frame.height - frame.top - frame.bottom };
    const n_columns = Math.round(Math.min(inner.width * devicePixelRatio, Math.max(inner.width, (this.end - this.first) * 1)));
    this.canvas.width = n_columns;
    this.canvas.height = Math.round(inner.height);
    Object.assign(this.canvas.style, { left: `${frame.left}px`, top: `${frame.top}px`, width: `${inner.width}px`, height: `${inner.height}px` });
    const { codes, colours } = this.painted;
    draw_codes(this.canvas, columns(codes, this.data.n_layers, this.data.n_tokens, this.first, this.end, n_columns), this.data.n_layers, colours);

    const svg = svg_of(frame, `${this.painted.quantity.name} by layer and token`);
    append(svg, named_key(frame, frame.left, this.painted.quantity.name, this.painted.scale, colours, this.painted.lowest));
    const layers = layer_ticks(this.data.n_layers, 10);
    append(svg, bottom_axis(frame, { ...x, at: (t) => x.at(t + 0.5) }, x.ticks.filter((t) => Number.isInteger(t) && t < this.end), "position of the token"),
      left_axis(frame, { ...y, at: (l) => y.at(l + 0.5) }, "layer", layers, false));
    for (const [position, all] of this.sinks) {
      const sink = all[0];
      if (!sink || position + 1 < this.first || position > this.end) continue;
      append(svg, s("g", { click: () => this.picked(position, this.cross.layer), class: "pick" },
        s("title", {}, `${kind_names[sink.kind]} at ${position}`), mark(sink.kind, x.at(position + 0.5), frame.top - 10, 4)));
    }
    append(svg, s("g", { class: "cross" }));
    this.svg = svg;
    this.into.replaceChildren(this.canvas, svg);
    this.draw_cross();
  }

  private draw_cross(): void {
    const group = this.svg?.querySelector(".cross");
    if (!group) return;
    const frame = this.frame(), x = this.x(), y = this.y();
    const { layer, token } = this.cross;
    group.replaceChildren();
    if (token + 1 <= this.first || token >= this.end) return;
    append(group, s("path", { d: `M${x.at(token + 0.5)},${frame.top}V${frame.height - frame.bottom}` }),
      s("path", { d: `M${frame.left},${y.at(layer + 0.5)}H${frame.width - frame.right}` }),
      s("rect", { x: x.at(token), y: y.at(layer + 1), width: Math.max(2, x.at(token + 1) - x.at(token)), height: y.at(layer) - y.at(layer + 1) }));
  }

  move_to(token: number, layer: number): void {
    this.cross = {
      token: Math.min(Math.max(token, 0), this.data.n_tokens - 1),
      layer: Math.min(Math.max(layer, 0), this.data.n_layers - 1),
    };
    this.draw_cross();
    const { quantity, codes, scale } = this.painted;
    const at = this.cross;
    // The token's own row is exact; the map is quantised.
    const exact = this.data.row(quantity.id, at.token)?.[at.layer];
    const value = exact ?? decode(scale, codes[at.layer * this.data.n_tokens + at.token] ?? 0);
    const kinds = this.sinks.get(at.token)?.filter((sink) => at.layer >= sink.l_start && at.layer <= sink.l_end).map((sink) => kind_names[sink.kind]) ?? [];
    const { before, after } = this.data.around(at.token, 12);
    this.say(`…${before}“${token_name(this.data.text(at.token))}”${after}… at ${at.token.toLocaleString("en")}, layer ${at.layer}: ` +
      `${reading(quantity, value)}${kinds.length ? ` · ${kinds.join(", ")} here` : ""}`);
  }

  private place(event: PointerEvent | WheelEvent): { token: number; layer: number; inside: boolean } {
    const box = this.into.getBoundingClientRect(), frame = this.frame();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    return {
      token: this.x().inverse(px), layer: Math.floor(this.y().inverse(py)),
      inside: px >= frame.left && px <= frame.width - frame.right && py >= frame.top && py <= frame.height - frame.bottom,
    };
  }

  private on_wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey && document.activeElement !== this.into) return;
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.place(event).token);
  }

  private on_down(event: PointerEvent): void {
    const place = this.place(event);
    if (!place.inside) return;
    this.pointers.set(event.pointerId, place.token);
    this.into.setPointerCapture(event.pointerId);
    this.move_to(Math.floor(place.token), place.layer);
    this.picked(this.cross.token, this.cross.layer);
  }

  private on_move(event: PointerEvent): void {
    const place = this.place(event);
    const grabbed = this.pointers.get(event.pointerId);
    if (grabbed !== undefined) {
      const by = grabbed - place.token;
      this.look(this.first + by, this.end + by);
    } else if (place.inside) {
      this.move_to(Math.floor(place.token), place.layer);
    }
  }

  private on_key(event: KeyboardEvent): void {
    const jump = event.shiftKey ? Math.max(1, Math.round((this.end - this.first) / 10)) : 1;
    const { token, layer } = this.cross;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.move_to(token - jump, layer),
      ArrowRight: () => this.move_to(token + jump, layer),
      ArrowUp: () => this.move_to(token, layer + 1),
      ArrowDown: () => this.move_to(token, layer - 1),
      "+": () => this.zoom(0.7, token + 0.5),
      "=": () => this.zoom(0.7, token + 0.5),
      "-": () => this.zoom(1.4, token + 0.5),
      "0": () => this.show(),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
    const at = this.cross.token;
    if (event.key.startsWith("Arrow") && (at < this.first || at >= this.end)) {
      const span = this.end - this.first;
      this.look(at - span / 2, at + span / 2);
    }
    this.picked(this.cross.token, this.cross.layer);
  }
}
