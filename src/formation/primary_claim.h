#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formation/claim.h"
#include "sinks/figures.h"

namespace sinkscope {

// The primary's profile in one sequence without secondary sinks.
struct PrimaryCase {
  int sequence = 0;
  int first_layer = 0, last_layer = 0;  // in which it is active, from its birth on
  LayerFigures far_score;               // [n_layers] of blocks that see the whole text; empty elsewhere
};

struct PrimaryDip {
  int first_block = 0, last_block = 0;  // the span: blocks that read an active primary, by the median sequence
  std::vector<int> starts;              // E, those in the span
  LayerFigures score_median, score_p05, score_p95;  // [n_layers] over sequences
  std::optional<double> effect;  // D: mean over blocks l+1 .. l+3, l in E, minus the mean over the rest
  std::optional<double> p;       // by circular shifts of E in the span, one-sided
};

struct PrimaryClaim {
  PrimaryDip dip;
  Claim claim;
};

// Claim 3, as far as it can be read without an edit: does the primary weaken where secondary sinks begin elsewhere?
// The profile belongs to the model: what is counted is layers, not sequences.
//
// starts   E: layers in which secondary sinks begin
// cost     O(cases x n_layers + span^2)
PrimaryClaim primary_claim(std::span<const PrimaryCase> cases, std::span<const int> starts, int n_layers,
                           const ExplainOptions& options);

}  // namespace sinkscope
