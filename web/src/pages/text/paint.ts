// Which tokens the text page paints how.

import { kKinds, type Kind, type Sequence } from "../../data/report";

export interface TokenSink {
  kind: Kind;
  l_start: number;
  l_end: number;
  strength: number; // far boost, median
}

// The sinks by position; of several runs of a token the first.
export function sinks_by_position(sequence: Sequence): Map<number, TokenSink[]> {
  const sinks = new Map<number, TokenSink[]>();
  const add = (position: number, sink: TokenSink) => sinks.set(position, [...(sinks.get(position) ?? []), sink]);
  const { primary } = sequence;
  if (primary) {
    const last = primary.active_layers.at(-1)?.[1] ?? primary.birth_end;
    for (const position of new Set([primary.position, ...primary.set])) {
      add(position, { kind: "primary", l_start: primary.active_layers[0]?.[0] ?? primary.birth_layer, l_end: last, strength: primary.far_boost_median ?? 0 });
    }
  }
  for (const sink of sequence.sinks) {
    add(sink.position, { kind: sink.kind, l_start: sink.l_start, l_end: sink.l_end, strength: sink.far_boost_median ?? 0 });
  }
  for (const all of sinks.values()) all.sort((a, b) => kKinds.indexOf(a.kind) - kKinds.indexOf(b.kind));
  return sinks;
}

// How strongly a sink is painted, from 0.25 to 1: by the logarithm of its far boost, from 5 to 100.
export function strength(far_boost: number): number {
  const part = Math.log(Math.max(far_boost, 5) / 5) / Math.log(20);
  return 0.25 + 0.75 * Math.min(1, part);
}
