// What was found, in sentences.

import { kind_names, level_name, type Scan, type Sequence, type Sink } from "../../data/report";
import { count, intervals, layers, number, percent, token_name } from "../../ui/format";

export function all_sinks(scan: Scan): { sequence: Sequence; document: number; sink: Sink }[] {
  return scan.scan.sequences.flatMap((sequence, document) => sequence.sinks.map((sink) => ({ sequence, document, sink })));
}

function primary_sentence(scan: Scan): string {
  const { sequences } = scan.scan;
  const primaries = sequences.flatMap((sequence) => (sequence.primary ? [sequence.primary] : []));
  const first = primaries[0];
  if (!first) return "No text shows a primary sink: a first token that draws attention from far and keeps its direction.";
  const where = `born at layer ${first.birth_layer} and active in ${intervals(first.active_layers)}`;
  const draws = `It draws ${percent(first.score_mean)} of attention on average (up to ${percent(first.score_max)} in one layer)` +
    ` and ${number(first.far_boost_median)} times an equal share of the attention that comes from far.`;
  const plateau = first.early_plateau.length
    ? ` Before its direction is born it stands out in ${intervals(first.early_plateau)} too: an early plateau.` : "";
  if (sequences.length === 1) {
    return `The primary sink is token ${first.position} “${token_name(first.text)}”, ${where}. ${draws}${plateau}`;
  }
  const same = primaries.filter((one) => one.position === first.position && one.birth_layer === first.birth_layer).length;
  return `${count(primaries.length, "text")} of ${sequences.length} have a primary sink; in ${same} of them it is token ` +
    `${first.position} “${token_name(first.text)}”, born at layer ${first.birth_layer}. In the first, it is active in ` +
    `${intervals(first.active_layers)}. ${draws}${plateau}`;
}

function sinks_sentence(scan: Scan): string {
  const { totals } = scan.scan;
  const kinds = totals.counts.by_kind;
  const n = kinds.primary_like + kinds.secondary + kinds.unaligned;
  if (n === 0) return `Beside the primary, none of ${count(totals.n_tokens, "token")} is a sink.`;
  const parts = (["secondary", "primary_like", "unaligned"] as const)
    .filter((kind) => kinds[kind] > 0).map((kind) => `${kinds[kind]} ${kind_names[kind]}`);
  const rate = (1000 * n) / totals.n_tokens;
  return `Beside the primary, ${count(n, "sink")} ${n === 1 ? "was" : "were"} found in ${count(totals.n_tokens, "token")}: ` +
    `${parts.join(", ")}. That is ${number(rate)} in 1000 tokens.`;
}

function strongest_sentence(scan: Scan): string | undefined {
  const strongest = all_sinks(scan).reduce<ReturnType<typeof all_sinks>[number] | undefined>(
    (best, one) => ((one.sink.far_boost_median ?? 0) > (best?.sink.far_boost_median ?? 0) ? one : best), undefined);
  if (!strongest) return undefined;
  const { sink } = strongest;
  return `The strongest is “${token_name(sink.text)}” at position ${sink.position.toLocaleString("en")}, ${kind_names[sink.kind]}, in ` +
    `${layers(sink.l_start, sink.l_end)}: ${number(sink.norm_ratio_median)} times the norm of an ordinary token, ` +
    `${number(sink.far_boost_median)} times its share of far attention.`;
}

function tokens_sentence(scan: Scan): string | undefined {
  const counts = new Map<string, number>();
  for (const { sink } of all_sinks(scan)) counts.set(sink.text, (counts.get(sink.text) ?? 0) + 1);
  const common = [...counts].filter(([, n]) => n > 1).sort((a, b) => b[1] - a[1]).slice(0, 4);
  if (common.length === 0) return undefined;
  return `Tokens that became sinks more than once: ${common.map(([text, n]) => `“${token_name(text)}” (${n})`).join(", ")}.`;
}

function levels_sentence(scan: Scan): string | undefined {
  const { levels, sinks } = scan.levels.files[0];
  if (sinks.count === 0) return undefined;
  if (levels.length === 0) return "They are too few, or too scattered, to form sink levels.";
  const names = levels.map((level) => `${level_name(level)} (${level.rate.count})`);
  return `They form ${count(levels.length, "level")} by first and last layer: ${names.join(", ")}.`;
}

function other_runs_sentence(scan: Scan): string | undefined {
  const { aligned_only, transient, unscored } = scan.scan.totals.counts.by_verdict;
  const parts = [
    aligned_only ? `${aligned_only} draw no attention` : "",
    transient ? `${transient} last one layer only` : "",
    unscored ? `${unscored} come too late in the text to be judged` : "",
  ].filter((part) => part);
  return parts.length ? `Further runs point the primary's way and are no sinks: ${parts.join(", ")}.` : undefined;
}

export function findings(scan: Scan): string[] {
  return [primary_sentence(scan), sinks_sentence(scan), strongest_sentence(scan), tokens_sentence(scan),
    levels_sentence(scan), other_runs_sentence(scan)].filter((sentence) => sentence !== undefined);
}

// What a reader should know before trusting the numbers.
export function warnings(scan: Scan): string[] {
  const { scan: results } = scan;
  const all: string[] = [];
  for (const sequence of results.sequences) {
    if (!sequence.primary && sequence.no_primary_reason) all.push(`${sequence.id}: no primary sink. ${sequence.no_primary_reason}`);
    if (sequence.n_watch_overflow > 0) {
      all.push(`${sequence.id}: ${count(sequence.n_watch_overflow, "token")} with state evidence came after the list of watched ` +
        "tokens was full; their logit gaps are not measured.");
    }
  }
  const lacking = new Map<string, number[]>();
  for (const one of results.model.lacking) {
    const what = `${one.what}: ${one.why}`;
    lacking.set(what, [...(lacking.get(what) ?? []), one.layer]);
  }
  for (const [what, at] of lacking) all.push(`Not measured in ${at.length === 1 ? "layer" : "layers"} ${at.join(", ")}: ${what}.`);
  if (scan.skipped_lines > 0) all.push(`${count(scan.skipped_lines, "line")} of the input could not be read and were passed over.`);
  return all.length > 12 ? [...all.slice(0, 11), `… and ${all.length - 11} more.`] : all;
}
