#include "formation/claim_cases.h"

#include <algorithm>
#include <cmath>

#include "base/index.h"

namespace sinkscope {

std::vector<NormCase> norm_cases(const ScannedSequence& sequence, std::span<const std::uint8_t> sees_all, SinkKind kind,
                                 const ExplainOptions& options) {
  std::vector<NormCase> cases;
  const auto n_layers = static_cast<int>(sees_all.size());
  for (const Run& run : sequence.detection.runs) {
    const bool sink = run.verdict == Verdict::kSink;
    const bool silent = run.verdict == Verdict::kAlignedOnly && run.l_end > run.l_start;
    if (run.kind != kind || (!sink && !silent)) continue;
    const TokenProfile* profile = profile_of(sequence.figures, run.position);
    if (profile == nullptr) continue;
    int block = run.l_start + 1;
    // In a text of one micro-batch a key is watched, and its gap measured, only from some blocks behind l_start on.
    while (block < n_layers && (sees_all[index(block)] == 0 || !profile->logit_gap[index(block)])) ++block;
    const auto& ratio = profile->norm_ratio[index(run.l_start)];
    if (block >= n_layers || !ratio || !(*ratio > 0)) continue;
    NormCase one;
    one.sequence = static_cast<int>(sequence.ordinal);
    one.position = run.position;
    one.token = sequence.tokens[index(run.position)];
    one.l_start = run.l_start;
    one.log_norm_ratio = std::log(static_cast<double>(*ratio));
    one.block = block;
    one.gap = static_cast<double>(*profile->logit_gap[index(block)]);
    const auto as_double = [](const std::optional<float>& figure) {
      return figure ? std::optional(static_cast<double>(*figure)) : std::nullopt;
    };
    one.far_score = as_double(profile->far_score[index(block)]);
    one.read_alignment = as_double(profile->read_alignment[index(run.l_start)]);
    const auto& write = profile->mlp_write_norm[index(run.l_start)];
    const auto& norm = sequence.figures.ordinary_norm[index(run.l_start)];
    if (write && norm) one.mlp_norm_ratio = static_cast<double>(*write / *norm);
    if (sink) {
      if (run.attention_lifetime) {
        one.attention_lifetime = Lifetime{static_cast<double>(*run.attention_lifetime), !run.censored};
      }
      if (!run.censored) {
        int peak = run.l_start, diluted = run.l_start;
        for (int l = run.l_start; l <= run.l_end; ++l) {
          const auto height = [&](int layer) {
            return profile->norm_ratio[index(layer)].value_or(0) * profile->alignment[index(layer)].value_or(0);
          };
          if (height(l) > height(peak)) peak = l;
        }
        for (int l = 0; l < n_layers; ++l) {
          const auto& of_layer = sequence.figures.ordinary_norm[index(l)];
          if (of_layer &&
              static_cast<double>(*profile->hidden_norm[index(peak)] / *of_layer) >= options.end_norm_ratio) {
            diluted = l;
          }
        }
        one.beyond_dilution = run.l_end - diluted;
      }
    }
    cases.push_back(one);
  }
  return cases;
}

std::vector<FormationCase> formation_cases(const SequenceExplanation& explanation, int sequence, SinkKind kind) {
  std::vector<FormationCase> cases;
  for (const RunExplanation& run : explanation.runs) {
    if (run.run.kind != kind) continue;
    FormationCase one;
    one.sequence = sequence;
    one.formed = run.formed;
    if (run.peak) {
      one.largest = run.peak->largest.front().part;
      one.share = run.peak->largest.front().share;
    }
    if (run.neurons && !run.neurons->list.empty()) one.neuron = run.neurons->list.front().neuron;
    if (run.together) one.together_removed = run.together->outcome.removed;
    for (const LayerEdit& edit : run.edits) {
      std::optional<bool>& removed = edit.placebo ? one.placebo_removed : one.single_removed;
      removed = removed.value_or(false) || edit.axis.removed;
    }
    one.mlp_axis = run.mlp_axis;
    one.control_mlp_axis = run.control_mlp;
    cases.push_back(std::move(one));
  }
  return cases;
}

std::optional<PrimaryCase> primary_case(const ScannedSequence& sequence, std::span<const std::uint8_t> sees_all,
                                        int number) {
  for (const Run& run : sequence.detection.runs) {
    if (run.verdict == Verdict::kSink && run.kind == SinkKind::kSecondary) return std::nullopt;
  }
  const Primary& primary = *sequence.detection.primary;
  PrimaryCase result;
  result.sequence = number;
  result.first_layer = primary.birth_layer;
  result.last_layer = primary.active_layers.back().second;
  result.far_score = profile_of(sequence.figures, primary.position)->far_score;
  for (std::size_t l = 0; l < result.far_score.size(); ++l) {
    if (sees_all[l] == 0) result.far_score[l].reset();
  }
  return result;
}

}  // namespace sinkscope
