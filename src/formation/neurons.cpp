#include "formation/neurons.h"

#include <algorithm>
#include <numeric>

#include "base/index.h"
#include "formation/parts.h"

namespace sinkscope {

NeuronShares neuron_shares(const MlpWeights& mlp, const MlpReading& sink, std::span<const MlpReading> controls,
                           const MlpReading& primary, std::span<const float> axis, double norm,
                           const ExplainOptions& options) {
  const std::vector<double> along = mlp.columns_along(axis);
  const auto height = [&](const MlpReading& reading, std::size_t i) {
    return static_cast<double>(reading.neurons[i]) * along[i] * reading.scale / norm;
  };
  NeuronShares shares;
  shares.layer = mlp.layer();
  std::vector<double> excess(along.size()), control_height(along.size());
  double positive = 0;
  for (std::size_t i = 0; i < along.size(); ++i) {
    for (const MlpReading& control : controls) {
      control_height[i] += height(control, i) / static_cast<double>(controls.size());
    }
    excess[i] = height(sink, i) - control_height[i];
    shares.sum += height(sink, i);
    positive += std::max(excess[i], 0.0);
  }
  std::vector<std::size_t> order(along.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return excess[i]; });
  const auto share_of = [&](std::size_t i) { return positive > 0 ? std::max(excess[i], 0.0) / positive : 0; };
  double reached = 0;
  while (positive > 0 && reached < 0.5 - 1e-12) reached += share_of(order[index(shares.for_half++)]);
  order.resize(std::min(order.size(), index(options.n_neurons)));
  for (const std::size_t i : order) {
    Neuron neuron;
    neuron.neuron = static_cast<int>(i);
    neuron.share = share_of(i);
    neuron.height = height(sink, i);
    neuron.control_height = control_height[i];
    neuron.primary_height = height(primary, i);
    neuron.down_cos = cosine(mlp.column_with_gain(neuron.neuron), axis);
    shares.list.push_back(neuron);
  }
  return shares;
}

LikePrimary like_primary(int layer, std::span<const float> sink_input, const MlpReading& sink,
                         std::span<const float> primary_input, const MlpReading& primary) {
  return {layer,
          cosine(sink_input, primary_input),
          cosine(sink.gate, primary.gate),
          cosine(sink.up, primary.up),
          cosine(sink.neurons, primary.neurons),
          cosine(sink.write, primary.write)};
}

}  // namespace sinkscope
