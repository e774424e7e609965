#pragma once

#include <optional>
#include <span>
#include <vector>

#include "formation/explain_options.h"
#include "gguf/mlp_weights.h"

namespace sinkscope {

struct Neuron {
  int neuron = 0;
  std::optional<int> expert;
  double share = 0;  // of the positive excess over the controls
  double height = 0, control_height = 0, primary_height = 0;
  std::optional<double> down_cos;  // cos(gain * D_i, u_l)
};

struct NeuronShares {
  int layer = 0;
  double sum = 0;            // of all neurons' heights: the write's height
  int for_half = 0;          // how few neurons, largest first, hold half of the positive excess
  std::vector<Neuron> list;  // largest share first
};

// Neurons by their excess over the controls.
//
//   height_i = a_i <D_i, u_l> / m_l
//
// controls  not empty
// axis      u_l, [d_model]
// norm      m_l
NeuronShares neuron_shares(const MlpWeights& mlp, const MlpReading& sink, std::span<const MlpReading> controls,
                           const MlpReading& primary, std::span<const float> axis, double norm,
                           const ExplainOptions& options);

// Cosines of what the MLP does with the sink and with the primary.
struct LikePrimary {
  int layer = 0;
  std::optional<double> mlp_input, gate, up, neurons, write;
};
LikePrimary like_primary(int layer, std::span<const float> sink_input, const MlpReading& sink,
                         std::span<const float> primary_input, const MlpReading& primary);

}  // namespace sinkscope
