// The report's tables as CSV, by RFC 4180.

import type { Scan } from "../../data/report";

type CellValue = string | number | boolean | null | undefined;

// Columns of the program's own words, which go as they are.
const kWordColumns = new Set(["kind", "key"]);

// Texts become JSON strings, so that no spreadsheet takes one for a formula.
function cell(value: CellValue, column: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  return kWordColumns.has(column) ? value : `"${JSON.stringify(value).replace(/"/g, '""')}"`;
}

export function csv(head: string[], rows: CellValue[][]): string {
  return [head.join(","), ...rows.map((row) => row.map((value, i) => cell(value, head[i] ?? "")).join(","))].map((line) => `${line}\r\n`).join("");
}

const kSinkColumns = ["position", "document_position", "token_id", "text", "kind", "run_index", "l_start", "l_end", "lifetime",
  "attention_lifetime", "censored", "broadcasts", "alignment_median", "centred_alignment_median", "read_alignment_median",
  "norm_ratio_median", "norm_ratio_max", "score_mean", "score_max", "far_boost_median", "far_boost_max", "far_z_median", "heads_over_10_max",
  "logit_gap", "value_norm_ratio", "margin", "sink_rate_02", "sink_rate_03", "sink_rate_05", "sink_rate_08",
  "attention_share", "eviction_cost", "eviction_left_out", "group", "selection_rate"] as const;

export function sinks_csv(scan: Scan): string {
  return csv(["sequence", "id", "n_tokens", ...kSinkColumns], scan.scan.sequences.flatMap((sequence, i) =>
    sequence.sinks.map((sink) => [i, sequence.id, sequence.n_tokens, ...kSinkColumns.map((name) => sink[name])])));
}

export function texts_csv(scan: Scan): string {
  return csv(["sequence", "id", "key", "n_tokens", "prompt_tokens", "eligible_tokens", "primary_position", "primary_birth_layer", "primary_score_mean",
    "primary_like", "secondary", "unaligned", "sinks", "eligible_sinks", "aligned_only", "transient", "unscored",
    "of_groups"],
  scan.scan.sequences.map((sequence, i) => [i, sequence.id, scan.documents[i]?.key, sequence.n_tokens, sequence.prompt_tokens, sequence.eligible_tokens,
    sequence.primary?.position, sequence.primary?.birth_layer, sequence.primary?.score_mean,
    sequence.counts.by_kind.primary_like, sequence.counts.by_kind.secondary, sequence.counts.by_kind.unaligned,
    sequence.counts.sinks, sequence.counts.eligible_sinks, sequence.counts.other_runs.aligned_only,
    sequence.counts.other_runs.transient, sequence.counts.other_runs.unscored, sequence.counts.other_runs.of_groups]));
}

export function levels_csv(scan: Scan): string {
  return csv(["l_start", "l_end", "l_end_is_lower_bound", "sinks", "sinks_outside_eligible", "documents", "per_1000", "per_1000_low", "per_1000_high", "median_life", "stability", "tentative",
    "norm_ratio_median", "far_boost_median"],
  scan.levels.files[0].levels.map((level) => [level.l_start, level.l_end, level.l_end_is_lower_bound, level.rate.count, level.rate.outside_eligible, level.rate.documents, level.rate.per_1000,
    level.rate.interval_95?.[0], level.rate.interval_95?.[1], level.lifetime.median, level.stability, level.tentative,
    level.norm_ratio_median, level.far_boost_median]));
}
