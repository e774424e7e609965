#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/views.h"
#include "formation/claim.h"
#include "formation/parts.h"

namespace sinkscope {

// What the claim asks of one sink.
struct FormationCase {
  int sequence = 0;
  std::optional<bool> formed;  // nothing: without controls
  PartName largest;            // part at l_peak
  double share = 0;            // its share
  std::optional<int> neuron;   // of the MLP with the largest excess at l_start
  // Whether its attention is gone; nothing: not edited.
  std::optional<bool> together_removed, single_removed, placebo_removed;
  std::vector<float> mlp_axis;     // [n_layers]
  Matrix<float> control_mlp_axis;  // [n_controls, n_layers]
};

// How the MLP of one layer differs in sinks.
struct LayerEffect {
  int layer = 0;
  double mean = 0;     // over sinks: mlp_axis minus the mean of the controls'
  double p = 1;        // two-sided, by exchanging the sink with a random member of {sink} and its controls
  double q = 1;        // Benjamini and Hochberg's
  std::string effect;  // "forming", "removing", or empty
};

// What the measures give where there is nothing to find.
struct FormationNull {
  int n_pretended = 0, pretended_formed = 0;  // tokens in no run, taken for sinks
  int n_permuted = 0, permuted_formed = 0;    // sinks, along axes with permuted coordinates
  std::vector<float> pretended_excess, permuted_excess;
};

struct FormationClaims {
  // formation: (a) the fraction of sinks that MLPs formed, and (b) in its sentence; formation_together: (b) the
  // fraction of edited sinks whose attention goes with the axis parts of several MLPs; formation_single: (c) of one.
  std::vector<Claim> claims;
  std::vector<LayerEffect> layers;  // those of cases with controls; empty where there are none
  FormationNull null;
};

// Claim 1, of one kind of sinks.
//
// cost  n_permutations x cases x n_layers
FormationClaims formation_claims(std::span<const FormationCase> cases, const FormationNull& null,
                                 const std::string& kind, const ExplainOptions& options);

// returns  [n_layers]
std::vector<LayerEffect> layer_effects(std::span<const FormationCase> cases, const ExplainOptions& options);

}  // namespace sinkscope
