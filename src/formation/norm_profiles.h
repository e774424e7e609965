#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/statistics/survival.h"
#include "formation/explanation.h"
#include "formation/norm_claim.h"

namespace sinkscope {

// How long attention lasts in sinks of similar norm.
struct SurvivalGroup {
  double norm_ratio_min = 0, norm_ratio_max = 0;  // at l_start
  int n = 0, ended = 0;
  std::vector<SurvivalStep> steps;  // Kaplan and Meier's
};

// Thirds of the sinks by norm ratio, the lowest first; fewer groups where there are under 3 sinks.
std::vector<SurvivalGroup> survival_by_norm(std::span<const NormCase> cases);

// What sinks of one level draw in each block.
struct LevelScores {
  int l_start = 0, l_end = 0;
  int n = 0;
  LayerFigures score_p50, score_p05, score_p95;  // [n_layers] far scores; empty where none was measured
};

// Of the explained sinks of a kind, by (l_start, l_end), ascending.
std::vector<LevelScores> scores_by_level(std::span<const SequenceExplanation> sequences, SinkKind kind);

}  // namespace sinkscope
