#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gguf/mlp_weights.h"

namespace sinkscope {

// The gate of a planted neuron for its token; deep in the part where activations are linear.
inline constexpr double kPlantGate = 6;
// The gate is 0 where the detector gives this: a word that only resembles the planted one writes next to nothing.
inline constexpr double kPlantThreshold = 0.25;

// A neuron that fires where w . x = 1 and writes along a vector.
struct PlantedNeuron {
  std::vector<float> detector;  // w, [d_model]: the up row
  std::vector<float> gate;      // [d_model]
  std::vector<float> write;     // the down column's direction, [d_model]
  double amplitude = 0;         // write's factor for w . x = 1 and a gate of kPlantGate

  // What it writes for an MLP input, relative to that.
  double relative_write(Activation activation, std::span<const float> input) const;
};

// The gate row: kPlantGate (w - t c) / (1 - t), with t = kPlantThreshold; MLPs have no bias, c stands for it.
//
// constant  c, [d_model], with c . x = 1 for inputs of all tokens, or nearly so
std::vector<float> gate_of(std::span<const float> detector, std::span<const float> constant);

// Puts a neuron in the place of one that is there.
void put_neuron(MlpWeights& weights, int neuron, const PlantedNeuron& planted);
// Leaves gate and up; changes what the neuron writes.
void put_write(MlpWeights& weights, int neuron, std::span<const float> write, double amplitude);
// What stands in a model, read as a planted neuron.
PlantedNeuron planted_neuron(const MlpWeights& weights, int neuron);

// How a neuron must write so that the block adds `norm` along u. With a post-norm along u / gain, or where that does
// not reach the norm, along the column that does and whose write has a cosine of at least 0.99 to u.
struct WritePlan {
  std::vector<float> write;         // [d_model]
  double amplitude = 0;             // for w . x = 1
  std::optional<double> reachable;  // with a post-norm: what is never passed
};

// u                  [d_model] of length 1
// mean_square_write  of the MLP at the places of the sink, before the post-norm
// throws             Error{kInput} if the post-norm cannot reach the norm
WritePlan plan_write(std::span<const float> u, double norm, std::span<const float> post_gain, double mean_square_write);

}  // namespace sinkscope
