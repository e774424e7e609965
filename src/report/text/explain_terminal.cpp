#include "report/text/explain_terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "base/display_text.h"
#include "base/words.h"
#include "report/text/table.h"

namespace sinkscope {
namespace {

constexpr int kMostRows = 40;

std::string figure(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : "-";
}

std::string verdict_text(const Claim& claim, const Paint& paint) {
  const std::string verdict(name_of(claim.verdict));
  switch (claim.verdict) {
    case ClaimVerdict::kYes:
      return paint.primary(verdict);
    case ClaimVerdict::kNo:
      return paint.secondary(verdict);
    default:
      return paint.warning(verdict);
  }
}

void write_claim(const Claim& claim, const Paint& paint, std::ostream& out) {
  const std::string name = claim.kind == claim.claim ? claim.claim : fmt::format("{}, {}", claim.claim, claim.kind);
  if (claim.verdict == ClaimVerdict::kNotEnough) {
    out << fmt::format("  {}: {}\n", paint.bold(name), paint.warning(claim.sentence));
    return;
  }
  out << fmt::format("  {}: {}; {}\n", paint.bold(name), verdict_text(claim, paint), claim.sentence);
  std::string figures = fmt::format("{}: {}", claim.unit, fixed(*claim.effect, 2));
  if (const auto& interval = claim.interval_95) {
    figures += fmt::format(" [{}, {}]", fixed(interval->low, 2), fixed(interval->high, 2));
  }
  if (claim.p) figures += fmt::format(", p {:.2g}", *claim.p);
  if (claim.null) figures += fmt::format(", null {}", fixed(*claim.null, 2));
  if (claim.n_sinks > 0) figures += fmt::format("; n = {}", claim.n_sinks);
  figures += fmt::format(" in {}", counted(claim.n_sequences, "sequence"));
  out << paint.dim("      " + figures) << '\n';
}

void write_layers(const LayerFindings& findings, std::ostream& out) {
  for (const std::string_view effect : {"forming", "removing"}) {
    std::string layers;
    for (const LayerEffect& layer : findings.layers) {
      if (layer.effect != effect) continue;
      layers += fmt::format("{}MLP {} ({})", layers.empty() ? "" : ", ", layer.layer, signed_fixed(layer.mean, 1));
    }
    if (!layers.empty()) out << fmt::format("  {} {}: {}\n", name_of(findings.kind), effect, layers);
  }
  const FormationNull& null = findings.null;
  if (null.n_pretended > 0 && !findings.layers.empty()) {
    out << fmt::format("  null: {} of {} pretended sinks and {} of {} permuted axes formed\n", null.pretended_formed,
                       null.n_pretended, null.permuted_formed, null.n_permuted);
  }
}

// Runs that these thresholds make sinks, and those of explain did not.
void write_unexplained(const std::vector<UnexplainedRun>& runs, const TerminalStyle& style, std::ostream& out) {
  if (runs.empty()) return;
  std::string names;
  const std::size_t n_named = std::min<std::size_t>(runs.size(), 8);
  for (std::size_t i = 0; i < n_named; ++i) {
    names += fmt::format("{}{}:{} ({}-{})", i == 0 ? "" : ", ", runs[i].sequence, runs[i].position, runs[i].l_start,
                         runs[i].l_end);
  }
  if (n_named < runs.size()) names += fmt::format(" and {} more", runs.size() - n_named);
  out << wrapped("  not explained under these thresholds: ",
                 fmt::format("{}, as sequence:position (layers): {}; run explain with them",
                             counted(std::ssize(runs), "sink"), names),
                 style.width);
}

void write_map(const LayerMap& map, std::ostream& out) {
  const auto percent = [](const std::optional<double>& fraction) {
    return fraction ? fmt::format("{:.0f} %", 100 * *fraction) : "-";
  };
  out << fmt::format(
      "  MLP {} as a map, {}: {} directions of {}; at cosine 0.98, at norm {:.1f} {} of them (chance {}), at norm 1 {} "
      "(chance {})\n",
      map.layer, name_of(map.kind), map.directions.size(), counted(map.n_sinks, "sink"), map.input_norm_median,
      percent(map.hits_typical), percent(map.isotropic_typical.hits_frac), percent(map.hits_unit),
      percent(map.isotropic_unit.hits_frac));
  out << fmt::format(
      "    heights: sinks {} (lowest {}), ordinary tokens up to {} (p99), {} (highest); half at lambda {}\n",
      figure(map.inputs.sink_height_p50, 1), figure(map.inputs.sink_height_min, 1),
      figure(map.inputs.ordinary_height_p99, 1), figure(map.inputs.ordinary_height_max, 1),
      figure(map.path.half_at, 2));
  if (!map.decision.mlp_input.auc) return;
  out << fmt::format("    told from like tokens (AUC): state {}, attention write {}, MLP input {}, MLP write {}; {}\n",
                     figure(map.decision.state.auc, 2), figure(map.decision.attention_write.auc, 2),
                     figure(map.decision.mlp_input.auc, 2), figure(map.decision.mlp_write.auc, 2),
                     counted(map.decision.n_sets, "sink"));
}

std::string edits_text(const RunExplanation& run) {
  std::string text;
  for (const LayerEdit& edit : run.edits) {
    if (edit.placebo) continue;
    text += fmt::format("{}{}: {}/{}", text.empty() ? "" : ", ", edit.layer, figure(edit.axis.far_boost, 1),
                        edit.rest ? figure(edit.rest->far_boost, 1) : "-");
  }
  return text.empty() ? "-" : text;
}

void write_runs(const Explanation& explanation, const std::function<std::string(TokenId)>& token_bytes,
                const TerminalStyle& style, const Paint& paint, std::ostream& out) {
  Table table({{"", "sequence", true, 2},
               {"", "position", true, 9},
               {"", "token", false, 9},
               {"", "kind", false, 5},
               {"", "layers", true, 9},
               {"", "peak", true, 4},
               {"made by", "(share)", false, 9},
               {"MLPs'", "share", true, 3},
               {"", "excess", true, 6},
               {"", "cosine", true, 5},
               {"neuron", "(share)", false, 7},
               {"", "formed", false, 8},
               {"far boost", "before", true, 6},
               {"axis / rest out,", "by MLP", false, 6},
               {"all axis", "parts out", true, 7},
               {"", "ends", false, 7}});
  int rows = 0, left_out = 0;
  for (const SequenceExplanation& sequence : explanation.sequences) {
    for (const RunExplanation& run : sequence.runs) {
      if (rows == kMostRows) {
        ++left_out;
        continue;
      }
      ++rows;
      const LargestPart* part = run.peak ? &run.peak->largest.front() : nullptr;
      const Neuron* neuron = run.neurons && !run.neurons->list.empty() ? &run.neurons->list.front() : nullptr;
      table.add({std::to_string(sequence.ordinal), std::to_string(run.run.position),
                 paint.token(fmt::format("'{}'", displayable(clip_token(token_bytes(run.token))))),
                 std::string(name_of(run.run.kind)), fmt::format("{}-{}", run.run.l_start, run.run.l_end),
                 std::to_string(run.l_peak),
                 part != nullptr ? fmt::format("{} ({})", text_of(part->part), fixed(part->share, 2)) : "-",
                 run.peak ? fixed(run.peak->mlp_share, 2) : "-",
                 run.peak ? fixed(run.peak->sum, 1) : "-",
                 run.peak ? figure(run.peak->excess_cos, 2) : "-",
                 neuron != nullptr ? fmt::format("{} ({})", neuron->neuron, fixed(neuron->share, 2)) : "-",
                 run.formed ? (*run.formed ? "yes" : "no") : "-",
                 run.edits.empty() ? "-" : figure(run.edits.front().far_boost_before, 1), edits_text(run),
                 run.together ? figure(run.together->outcome.far_boost, 2) : "-",
                 fmt::format("{} ({})", name_of(run.end.cause), run.end.diluted_l_end)});
    }
  }
  if (rows == 0) return;
  table.fit(style.width);
  out << '\n';
  table.write("  ", paint, out);
  if (left_out > 0) out << fmt::format("  and {} more; --json has all\n", grouped(left_out));
}

}  // namespace

void write_explain_terminal(const Explanation& explanation, const std::function<std::string(TokenId)>& token_bytes,
                            const TerminalStyle& style, std::ostream& out) {
  const Paint paint(style);
  out << paint.bold("Claims") << '\n';
  for (const Claim& claim : explanation.claims) write_claim(claim, paint, out);
  out << '\n'
      << fmt::format("{} explained in {}\n", counted(explanation.n_sinks, "sink"),
                     counted(static_cast<std::int64_t>(explanation.sequences.size()), "sequence"));
  for (const LayerFindings& findings : explanation.layers) write_layers(findings, out);
  for (const LayerMap& map : explanation.maps) write_map(map, out);
  if (explanation.n_unaligned > 0) {
    out << fmt::format("  not explained: {} without an axis\n", counted(explanation.n_unaligned, "unaligned sink"));
  }
  if (explanation.n_without_primary > 0) {
    out << fmt::format("  left out: {} without a primary\n", counted(explanation.n_without_primary, "sequence"));
  }
  if (explanation.n_not_measured > 0) {
    out << fmt::format("  not measured yet: {}; run explain again\n", counted(explanation.n_not_measured, "sequence"));
  }
  write_unexplained(explanation.unexplained, style, out);
  if (!explanation.writes_lacking.empty()) {
    out << wrapped("  formation and map are not measured: ", explanation.writes_lacking, style.width);
  }
  for (const SequenceExplanation& sequence : explanation.sequences) {
    if (sequence.neurons_lacking.empty()) continue;
    out << fmt::format("  neurons are not told: {}\n", sequence.neurons_lacking);
    break;
  }
  write_runs(explanation, token_bytes, style, paint, out);
}

}  // namespace sinkscope
