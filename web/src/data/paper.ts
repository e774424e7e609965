// Results by the paper's rule in the shape of the evidence rule, which the pages draw: each flagged token is a sink of its
// first to its last flagged layer, under the kind that stands for its label. As src/report/paper_detection.h does it.

import type { Counts, Kind, Place, ScanResults, Sequence, Sink } from "./report";

type Label = "bos_sink" | "secondary" | "noise";
const kKindOf: Record<Label, Exclude<Kind, "primary">> = { bos_sink: "primary_like", secondary: "secondary", noise: "unaligned" };
const kCensorLayers = 2;

interface Flagged extends Place {
  label: Label;
  first_layer: number;
  last_layer: number;
  layers_flagged: number;
}
interface PaperCounts {
  by_label: Record<Label, number>;
}
interface PaperSequence extends Omit<Sequence, "primary" | "sinks" | "groups" | "counts"> {
  primary: Place & { span_first: number; span_last: number };
  flagged: Flagged[];
  counts: PaperCounts;
}
export interface PaperResults extends Omit<ScanResults, "sequences" | "totals"> {
  sequences: PaperSequence[];
  totals: { n_sequences: number; n_tokens: number; counts: PaperCounts };
}

const kNothing = {
  score_mean: null, score_max: null, far_boost_median: null, far_boost_max: null, far_z_median: null, norm_ratio_median: null, norm_ratio_max: null,
  value_norm_ratio: null, sink_rate_02: null, sink_rate_03: null, sink_rate_05: null, sink_rate_08: null, attention_share: null,
  eviction_cost: null, eviction_left_out: null, group: null, mean_norm_ratio: null, selection_rate: null,
  massive: {
    channel_1: null, channel_2: null, channel_3: null, value_1: null, value_2: null, value_3: null, ratio_1: null, ratio_2: null,
    ratio_3: null, overlap: null,
  },
};

function counts_of({ by_label }: PaperCounts, primaries: number): Counts {
  const { bos_sink, secondary, noise } = by_label;
  const sinks = bos_sink + secondary + noise;
  return {
    sinks, eligible_sinks: sinks, by_kind: { primary: primaries, primary_like: bos_sink, secondary, unaligned: noise },
    other_runs: { aligned_only: 0, transient: 0, unscored: 0, of_groups: 0 },
  };
}

function sequence_of(paper: PaperSequence): Sequence {
  const { primary, flagged, counts, ...rest } = paper;
  const { span_first, span_last, ...place } = primary;
  const sinks = flagged.map(({ label, first_layer, last_layer, layers_flagged, ...token }): Sink => ({
    ...kNothing, ...token, verdict: "sink", kind: kKindOf[label], run_index: 0, l_start: first_layer, l_end: last_layer, lifetime: layers_flagged,
    attention_lifetime: null, censored: span_last - last_layer <= kCensorLayers, broadcasts: null, alignment_median: null,
    centred_alignment_median: null, read_alignment_median: null, heads_over_10_max: null, logit_gap: null, margin: null,
    margins: { alignment: null, norm_ratio: null, far_boost: null, far_z: null, attention: null, edge: null },
  }));
  return {
    ...rest, eligible_tokens: paper.n_tokens, n_watch_overflow: 0, no_primary_reason: null, sinks, groups: [], counts: counts_of(counts, 1),
    primary: {
      ...kNothing, ...place, set: [place.position], birth_layer: span_first, birth_end: span_last,
      active_layers: [[span_first, span_last]], early_plateau: [], sink_axis_drift: 0,
    },
  };
}

export function is_paper(results: ScanResults | PaperResults): results is PaperResults {
  return results.options.rule === "paper";
}

export function in_shape(results: PaperResults): ScanResults {
  const { n_sequences, n_tokens, counts } = results.totals;
  return {
    ...results, sequences: results.sequences.map(sequence_of),
    totals: { n_sequences, n_tokens, eligible_tokens: n_tokens, counts: counts_of(counts, n_sequences) },
  };
}
