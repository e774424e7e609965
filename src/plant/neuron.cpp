#include "plant/neuron.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/vectors.h"
#include "sinks/direction.h"

namespace sinkscope {
namespace {

// A post-norm's output approaches its limit only; nearer than this the length of the column means nothing.
constexpr double kMostOfReachable = 0.95;
// The cosine to u that a column may give up for reach; the rule asks for 0.9.
constexpr double kLeastAlignment = 0.99;

// A down column in front of a norm with gain: v = u gain / (gain^2 + softness), which for 0 is u / gain.
struct Column {
  std::vector<float> write;  // of length 1
  double alignment = 0;      // cosine of v * gain to u
  double reachable = 0;      // length of v * gain behind the norm, where v alone is left
};

Column column_for(std::span<const float> u, std::span<const float> gain, double softness) {
  Column column;
  double square = 0, behind = 0, along = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double g = static_cast<double>(gain[i]);
    // Without softness a channel of no gain would take all of the length.
    const double v = g == 0 ? 0 : static_cast<double>(u[i]) * g / (g * g + softness);
    square += v * v;
    behind += v * g * v * g;
    along += v * g * static_cast<double>(u[i]);
    column.write.push_back(static_cast<float>(v));
  }
  const double length = std::sqrt(square);
  for (float& value : column.write) value = static_cast<float>(static_cast<double>(value) / length);
  column.alignment = along / std::sqrt(behind);
  column.reachable = std::sqrt(static_cast<double>(u.size()) * behind) / length;
  return column;
}

}  // namespace

double PlantedNeuron::relative_write(Activation activation, std::span<const float> input) const {
  return activate(activation, dot(input, gate)) * dot(input, detector) / activate(activation, kPlantGate);
}

std::vector<float> gate_of(std::span<const float> detector, std::span<const float> constant) {
  std::vector<float> gate;
  for (std::size_t i = 0; i < detector.size(); ++i) {
    const double above = static_cast<double>(detector[i]) - kPlantThreshold * static_cast<double>(constant[i]);
    gate.push_back(static_cast<float>(kPlantGate / (1 - kPlantThreshold) * above));
  }
  return gate;
}

void put_neuron(MlpWeights& weights, int neuron, const PlantedNeuron& planted) {
  weights.set_rows(neuron, planted.gate, planted.detector);
  put_write(weights, neuron, planted.write, planted.amplitude);
}

void put_write(MlpWeights& weights, int neuron, std::span<const float> write, double amplitude) {
  const double scale = amplitude / activate(weights.layout().activation, kPlantGate);
  std::vector<float> column;
  for (const float value : write) column.push_back(static_cast<float>(scale * static_cast<double>(value)));
  weights.set_column(neuron, column);
}

PlantedNeuron planted_neuron(const MlpWeights& weights, int neuron) {
  const auto up = weights.up_row(neuron), gate = weights.gate_row(neuron);
  PlantedNeuron planted{{up.begin(), up.end()}, {gate.begin(), gate.end()}, weights.column(neuron)};
  const double length = length_of(planted.write);
  for (float& value : planted.write) value = static_cast<float>(static_cast<double>(value) / length);
  planted.amplitude = length * activate(weights.layout().activation, kPlantGate);
  return planted;
}

WritePlan plan_write(std::span<const float> u, double norm, std::span<const float> post_gain,
                     double mean_square_write) {
  if (post_gain.empty()) return {{u.begin(), u.end()}, norm, std::nullopt};
  Column column = column_for(u, post_gain, 0);
  // Channels with little gain cost most of the column's length; the softest column still writes nearly along u.
  double largest = 0;
  for (const float gain : post_gain) largest = std::max(largest, std::abs(static_cast<double>(gain)));
  double reachable = column.reachable;
  double least = 0, most = largest * largest;
  for (int step = 0; step < 50; ++step) {
    const double softness = (least + most) / 2;
    const Column softer = column_for(u, post_gain, softness);
    if (softer.alignment >= kLeastAlignment) {
      least = softness;
      reachable = softer.reachable;
      if (norm > kMostOfReachable * column.reachable) column = softer;
    } else {
      most = softness;
    }
  }
  if (norm > kMostOfReachable * reachable) {
    throw Error(ErrorCode::kInput,
                fmt::format("planting norm {:.6g}: expected at most {:.6g}, what the norm behind this layer's MLP lets "
                            "through along the direction; ask for less, or choose another layer",
                            norm, kMostOfReachable * reachable));
  }
  const double part = norm / column.reachable;
  return {std::move(column.write), std::sqrt(mean_square_write) * part / std::sqrt(1 - part * part), reachable};
}

}  // namespace sinkscope
