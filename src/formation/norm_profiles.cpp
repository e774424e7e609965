#include "formation/norm_profiles.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"

namespace sinkscope {

std::vector<SurvivalGroup> survival_by_norm(std::span<const NormCase> cases) {
  std::vector<const NormCase*> sinks;
  for (const NormCase& one : cases) {
    if (one.attention_lifetime) sinks.push_back(&one);
  }
  std::ranges::stable_sort(sinks, {}, [](const NormCase* one) { return one->log_norm_ratio; });
  constexpr std::size_t kGroups = 3;
  std::vector<SurvivalGroup> groups;
  for (std::size_t g = 0; g < kGroups; ++g) {
    const std::size_t first = g * sinks.size() / kGroups, end = (g + 1) * sinks.size() / kGroups;
    if (first == end) continue;
    SurvivalGroup group;
    group.norm_ratio_min = std::exp(sinks[first]->log_norm_ratio);
    group.norm_ratio_max = std::exp(sinks[end - 1]->log_norm_ratio);
    std::vector<Lifetime> lifetimes;
    for (std::size_t i = first; i < end; ++i) {
      lifetimes.push_back(*sinks[i]->attention_lifetime);
      group.ended += lifetimes.back().ended ? 1 : 0;
    }
    group.n = static_cast<int>(lifetimes.size());
    group.steps = kaplan_meier(lifetimes);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<LevelScores> scores_by_level(std::span<const SequenceExplanation> sequences, SinkKind kind) {
  std::map<LayerInterval, std::vector<const RunExplanation*>> by_level;
  for (const SequenceExplanation& sequence : sequences) {
    for (const RunExplanation& run : sequence.runs) {
      if (run.run.kind == kind && !run.far_score.empty()) by_level[{run.run.l_start, run.run.l_end}].push_back(&run);
    }
  }
  std::vector<LevelScores> levels;
  for (const auto& [layers, runs] : by_level) {
    const std::size_t n_layers = runs.front()->far_score.size();
    LevelScores level{layers.first, layers.second, static_cast<int>(runs.size()), {}, {}, {}};
    for (LayerFigures* figures : {&level.score_p50, &level.score_p05, &level.score_p95}) figures->resize(n_layers);
    for (std::size_t block = 0; block < n_layers; ++block) {
      std::vector<float> scores;
      for (const RunExplanation* run : runs) {
        if (run->far_score[block]) scores.push_back(*run->far_score[block]);
      }
      if (scores.empty()) continue;
      std::ranges::sort(scores);
      level.score_p50[block] = sorted_quantile(scores, 0.5);
      level.score_p05[block] = sorted_quantile(scores, 0.05);
      level.score_p95[block] = sorted_quantile(scores, 0.95);
    }
    levels.push_back(std::move(level));
  }
  return levels;
}

}  // namespace sinkscope
