// Which tokens the text page paints how.

import { kKinds, type Kind, type Prominent, type Sequence } from "../../data/report";

export interface TokenSink extends Prominent {
  kind: Kind;
  l_start: number;
  l_end: number;
}

// The sinks by position; of several runs of a token the first.
export function sinks_by_position(sequence: Sequence): Map<number, TokenSink[]> {
  const sinks = new Map<number, TokenSink[]>();
  const add = (position: number, sink: TokenSink) => sinks.set(position, [...(sinks.get(position) ?? []), sink]);
  const { primary } = sequence;
  if (primary) {
    const last = primary.active_layers.at(-1)?.[1] ?? primary.birth_end;
    for (const position of new Set([primary.position, ...primary.set])) {
      add(position, { kind: "primary", l_start: primary.active_layers[0]?.[0] ?? primary.birth_layer, l_end: last, ...prominence(primary) });
    }
  }
  for (const sink of sequence.sinks) {
    add(sink.position, { kind: sink.kind, l_start: sink.l_start, l_end: sink.l_end, ...prominence(sink) });
  }
  for (const all of sinks.values()) all.sort((a, b) => kKinds.indexOf(a.kind) - kKinds.indexOf(b.kind));
  return sinks;
}

export const kNone: Prominent = { far_z_median: null, far_boost_median: null };

function prominence({ far_z_median, far_boost_median }: Prominent): Prominent {
  return { far_z_median, far_boost_median };
}

// How strongly a sink is painted, from 0.25 to 1: by its far z, from 3 to 10; in a text too short for it by the logarithm of
// its far boost, from 5 to 100.
export function strength({ far_z_median, far_boost_median }: Prominent): number {
  const part = far_z_median === null ? Math.log((far_boost_median ?? 0) / 5) / Math.log(20) : (far_z_median - 3) / 7;
  return 0.25 + 0.75 * Math.min(1, Math.max(0, part));
}
