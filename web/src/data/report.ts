// The report's data as the program writes them: schema sinkscope.report/1.

import { count, visible_controls } from "../ui/format";
import { Block, read_block } from "./blocks";
import { in_shape, is_paper } from "./paper";

export type Rule = "evidence" | "paper";
export type Kind = "primary" | "primary_like" | "secondary" | "unaligned";
export const kKinds: Kind[] = ["primary", "primary_like", "secondary", "unaligned"];

const kNames: Record<Rule, Record<Kind, string>> = {
  evidence: { primary: "primary", primary_like: "primary-like", secondary: "secondary", unaligned: "unaligned" },
  paper: { primary: "primary", primary_like: "bos_sink", secondary: "secondary", unaligned: "noise" },
};

// What the kinds are called under the rule of the results that are shown.
export const kind_names: Record<Kind, string> = { ...kNames.evidence };

export function name_kinds(rule: Rule): void {
  Object.assign(kind_names, kNames[rule]);
}

type Measured = number | null;

export interface Place {
  position: number;
  document_position: number;
  token_id: number;
  text: string;
}

// The three largest channels of a state in one layer.
export interface Massive {
  channel_1: Measured;
  channel_2: Measured;
  channel_3: Measured;
  value_1: Measured;
  value_2: Measured;
  value_3: Measured;
  ratio_1: Measured;
  ratio_2: Measured;
  ratio_3: Measured;
  overlap: Measured;
}

export interface Primary extends Place {
  set: number[];
  birth_layer: number;
  birth_end: number;
  active_layers: [number, number][];
  early_plateau: [number, number][];
  sink_axis_drift: number;
  norm_ratio_median: Measured;
  norm_ratio_max: Measured;
  score_mean: Measured;
  score_max: Measured;
  far_boost_median: Measured;
  far_boost_max: Measured;
  far_z_median: Measured;
  value_norm_ratio: Measured;
  sink_rate_02: Measured;
  sink_rate_03: Measured;
  sink_rate_05: Measured;
  sink_rate_08: Measured;
  attention_share: Measured;
  massive: Massive;
  eviction_cost: Measured;
  eviction_left_out: Measured;
  group: Measured;
  mean_norm_ratio: Measured;
  selection_rate: Measured;
}

export interface Sink extends Place {
  verdict: "sink";
  kind: Exclude<Kind, "primary">;
  run_index: number;
  l_start: number;
  l_end: number;
  lifetime: number;
  attention_lifetime: Measured;
  censored: boolean;
  broadcasts: boolean | null;
  alignment_median: Measured;
  centred_alignment_median: Measured;
  read_alignment_median: Measured;
  norm_ratio_median: Measured;
  norm_ratio_max: Measured;
  score_mean: Measured;
  score_max: Measured;
  far_boost_median: Measured;
  far_boost_max: Measured;
  far_z_median: Measured;
  heads_over_10_max: Measured;
  logit_gap: Measured;
  value_norm_ratio: Measured;
  margin: Measured;
  margins: Record<"alignment" | "norm_ratio" | "far_boost" | "far_z" | "attention" | "edge", Measured>;
  sink_rate_02: Measured;
  sink_rate_03: Measured;
  sink_rate_05: Measured;
  sink_rate_08: Measured;
  attention_share: Measured;
  massive: Massive;
  eviction_cost: Measured;
  eviction_left_out: Measured;
  group: Measured;
  selection_rate: Measured;
}

// How far a sink stands out: by far z, which depends neither on the length of the text nor on the place in it, then by far
// boost. For sorting, the strongest first.
export type Prominent = Pick<Sink, "far_z_median" | "far_boost_median">;
export function by_prominence(a: Prominent, b: Prominent): number {
  return (b.far_z_median ?? 0) - (a.far_z_median ?? 0) || (b.far_boost_median ?? 0) - (a.far_boost_median ?? 0);
}

export interface Counts {
  sinks: number; // beside the primary: by_kind without it
  eligible_sinks: number; // of these, those that rates count
  by_kind: Record<Kind, number>; // groups that count among them
  other_runs: Record<"aligned_only" | "transient" | "unscored" | "of_groups", number>;
}

export interface Sequence {
  id: string;
  chunk: number | null;
  document_offset: number;
  n_tokens: number;
  prompt_tokens: number;
  eligible_tokens: number; // that could be judged
  n_watch_overflow: number;
  primary: Primary | null;
  no_primary_reason: string | null;
  sinks: Sink[];
  groups: { l_start: number; lifetime: number; counted: boolean }[]; // counted: as one sink
  counts: Counts;
}

export interface ScanResults {
  model: {
    name: string;
    sha256: string;
    arch: string;
    type: string;
    n_layers: number;
    d_model: number;
    n_heads: number;
    n_kv_heads: number;
    n_vocab: number;
    n_ctx_train: number;
    lacking: { layer: number; what: string; why: string }[];
  };
  options: { rule: Rule; thresholds?: Record<string, number>; paper_positions?: number; measurement: Record<string, unknown> };
  sequences: Sequence[];
  totals: { n_sequences: number; n_tokens: number; eligible_tokens: number; counts: Counts };
}

export interface Rate {
  count: number; // at eligible positions
  outside_eligible: number;
  documents: number;
  eligible_tokens: number;
  per_1000: Measured;
  interval_95: [number, number] | null;
}

export interface Level {
  l_start: number;
  l_end: number;
  l_end_is_lower_bound: boolean;
  start_jitter: number;
  end_jitter: number;
  stability: Measured; // null: too few documents to say
  tentative: boolean;
  lifetime: { median: number; median_is_lower_bound: boolean; shortest: number; longest: number; censored: number };
  rate: Rate;
  norm_ratio_median: Measured;
  far_boost_median: Measured;
  tokens: { token_id: number; text: string; count: number }[];
  hazard: { first: number; end: number; count: number; eligible_tokens: number; per_1000: Measured }[];
}

// A level's layers in words. Censored states lasted longer than was seen: then its end is a bound.
export function level_name(level: Pick<Level, "l_start" | "l_end" | "l_end_is_lower_bound">): string {
  return `${level.l_start}–${level.l_end}${level.l_end_is_lower_bound ? "+" : ""}`;
}

// All sinks of a sort, and how many of them a rate counts: 8, or 8 (+16).
export function total(rate: Rate): number {
  return rate.count + rate.outside_eligible;
}
export function count_name(rate: Rate): string {
  return rate.outside_eligible ? `${rate.count} (+${rate.outside_eligible})` : String(rate.count);
}

// Why stability and intervals are not said.
export function not_enough(n: number): string {
  return `not enough (${count(n, "text")})`;
}

// The levels of one results file, as in schema sinkscope.levels/3.
export interface Levels {
  documents: number;
  tokens: number;
  sinks: Rate;
  levels: Level[];
  unassigned: Rate;
  unstable: { l_start: number; l_end: number; l_end_is_lower_bound: boolean; count: number; documents: number; stability: number }[];
}

// A drawing that the program has prepared, as `plot` draws it too: src/report/chart.h.
export interface ChartAxis {
  title: string;
  low: number;
  high: number;
  logarithmic: boolean;
  n_layers: number; // > 0: layers
  names: string[]; // of the places 0, 1, ...; empty: numbers
}
export interface ChartSeries {
  name: string;
  form: "line" | "band" | "points" | "bars";
  role: Kind | "other" | "learned";
  x: number[];
  y: Measured[];
  low: Measured[];
  says: string[];
}
export interface ChartPanel {
  title: string;
  x: ChartAxis;
  y: ChartAxis;
  series: ChartSeries[];
}
export interface Chart {
  id: string;
  page: string;
  title: string;
  question: string;
  panels: ChartPanel[];
}
export interface Claim {
  claim: string;
  kind: string;
  verdict: "yes" | "no" | "unclear" | "not enough";
  sentence: string;
  effect: Measured;
  unit: string;
  interval_95: [number, number] | null;
  p: Measured;
  null: Measured;
  n_sinks: number;
  n_sequences: number;
}

export interface Scan {
  file: string;
  keep: "runs" | "profiles" | "heads";
  scan: ScanResults;
  documents: { key: string; block: string; detail: boolean }[];
  levels: { options: { bootstraps: number; min_stability: number }; files: [Levels] };
  strength: Chart; // each sink's norm ratio, attention and lifetime
  headline: string; // what was found, in a few words
  // Medians over texts of the largest share of a block's attention that the sinks of a text take, and its primary.
  attention_taken: { n_texts: number; n_with_sinks: number; sinks: Measured; primary: Measured };
  findings: string[]; // what was found, in sentences
  warnings: string[]; // what a reader should know before trusting the numbers
  explained: { claims: Claim[]; charts: Chart[] } | null; // what `sinkscope explain` measured
  effects: { verdicts: { how: string; about: string; verdict: string; reason: string }[]; charts: Chart[] } | null; // of `sinkscope ablate` and `sinkscope protect`
  program_runs: {
    sinkscope_version: string;
    llama_version: string;
    compiler: string;
    precision: string;
    cpu_features: string;
    n_threads: number;
  }[];
}

export interface Report {
  schema: string;
  scans: Scan[];
}

interface DocumentHead {
  texts: string[];
  rows: number[]; // positions of the primary's set and of all sinks, ascending
  attention: Chart; // who takes the attention, by block
  writes: Chart; // what MLPs add, by layer
  quantiles: number[];
}

// One document's arrays. Quantities are named as in the program's profiles.
export class DocumentData {
  constructor(
    private readonly block: Block<DocumentHead>,
    readonly n_layers: number,
    readonly n_tokens: number,
  ) {}

  get rows(): number[] {
    return this.block.head.rows;
  }
  get attention(): Chart {
    return this.block.head.attention;
  }
  get writes(): Chart {
    return this.block.head.writes;
  }
  get quantiles(): number[] {
    return this.block.head.quantiles;
  }

  text(position: number): string {
    const index = this.block.integers("text_index")?.[position];
    return index === undefined ? "" : (this.block.head.texts[index] ?? "");
  }

  // What stands around a token, on either side, on one line.
  around(position: number, n_characters: number): { before: string; after: string } {
    let before = "", after = "";
    for (let t = position - 1; t >= 0 && before.length < n_characters; --t) before = this.text(t) + before;
    for (let t = position + 1; t < this.n_tokens && after.length < n_characters; ++t) after += this.text(t);
    const line = (text: string) => visible_controls(text.replace(/\s+/g, " "));
    return { before: line(before).slice(-n_characters), after: line(after).slice(0, n_characters) };
  }

  token_id(position: number): number | undefined {
    return this.block.integers("token_id")?.[position];
  }

  // A quantity of a token that has a row, by layer; undefined where it was not measured.
  row(quantity: string, position: number): (number | undefined)[] | undefined {
    const row = this.rows.indexOf(position);
    const values = this.block.floats(`row.${quantity}`);
    if (row < 0 || !values) return undefined;
    return measured(values.subarray(row * this.n_layers, (row + 1) * this.n_layers));
  }

  // Quantile `index` of a quantity over the tokens that are no sinks, by layer.
  quantile(quantity: string, index: number): (number | undefined)[] | undefined {
    const values = this.block.floats(`quantiles.${quantity}`);
    return values && measured(values.subarray(index * this.n_layers, (index + 1) * this.n_layers));
  }

  // The quantities that are there by head, the one to show first.
  get head_quantities(): string[] {
    return this.block.names().flatMap((name) => (name.startsWith("heads.") ? [name.slice("heads.".length)] : []));
  }

  // A quantity of a token that has a row, by layer and head.
  heads(quantity: string, position: number): (number | undefined)[][] | undefined {
    const row = this.rows.indexOf(position);
    const values = this.block.floats(`heads.${quantity}`);
    if (row < 0 || !values) return undefined;
    const n_heads = values.length / (this.rows.length * this.n_layers);
    return Array.from({ length: this.n_layers }, (_, l) => {
      const first = (row * this.n_layers + l) * n_heads;
      return measured(values.subarray(first, first + n_heads));
    });
  }

  ordinary_norm(): (number | undefined)[] {
    return measured(this.block.floats("ordinary_norm") ?? new Float32Array());
  }

  // A layers x tokens map as 8-bit codes, or nothing where the report carries none.
  map(quantity: string) {
    return this.block.codes(`map.${quantity}`);
  }
}

function measured(values: Float32Array): (number | undefined)[] {
  return Array.from(values, (value) => (Number.isNaN(value) ? undefined : value));
}

export async function read_report(): Promise<Report> {
  const report = (await read_block<Report>("index")).head;
  for (const scan of report.scans) if (is_paper(scan.scan)) scan.scan = in_shape(scan.scan);
  return report;
}

const read_documents = new Map<string, Promise<DocumentData>>();

export function read_document(scan: Scan, document: number): Promise<DocumentData> {
  const entry = scan.documents[document];
  const sequence = scan.scan.sequences[document];
  if (!entry || !sequence) return Promise.reject(new Error(`the report has no document ${document}`));
  let data = read_documents.get(entry.block);
  if (!data) {
    data = read_block<DocumentHead>(entry.block).then(
      (block) => new DocumentData(block, scan.scan.model.n_layers, sequence.n_tokens),
    );
    read_documents.set(entry.block, data);
  }
  return data;
}
