#include "formation/neurons.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/index.h"
#include "formation/parts.h"

namespace sinkscope {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> as_matrix(const float* data, int rows, int cols) { return {data, rows, cols}; }

Eigen::Map<const Eigen::VectorXf> as_float_vector(std::span<const float> row) {
  return {row.data(), static_cast<Eigen::Index>(row.size())};
}

std::vector<float> product(Eigen::Map<const RowMajor> matrix, std::span<const float> vector) {
  std::vector<float> result(static_cast<std::size_t>(matrix.rows()));
  Eigen::Map<Eigen::VectorXf>(result.data(), matrix.rows()) = matrix * as_float_vector(vector);
  return result;
}

}  // namespace

LayerMlp::LayerMlp(const GgufFile& file, int layer)
    : layout_(mlp_layout(file, layer)), up_(tensor_floats(file, layout_.up)), down_(tensor_floats(file, layout_.down)) {
  if (!layout_.fused()) gate_ = tensor_floats(file, layout_.gate);
  if (layout_.post_norm.empty()) return;
  post_gain_ = tensor_floats(file, layout_.post_norm);
  const std::string arch = file.metadata().text("general.architecture").value_or("");
  rms_eps_ = static_cast<float>(file.metadata().number(arch + ".attention.layer_norm_rms_epsilon").value_or(0));
}

MlpReading LayerMlp::read(std::span<const float> input) const {
  const int d_ff = layout_.d_ff, d_model = layout_.d_model;
  const std::size_t fused_rows = index(d_ff) * index(d_model);
  MlpReading reading;
  const float* gate = layout_.fused() ? up_.data() : gate_.data();
  const float* up = layout_.fused() ? up_.data() + fused_rows : up_.data();
  reading.gate = product(as_matrix(gate, d_ff, d_model), input);
  reading.up = product(as_matrix(up, d_ff, d_model), input);
  reading.neurons.resize(index(d_ff));
  for (std::size_t i = 0; i < reading.neurons.size(); ++i) {
    reading.neurons[i] = static_cast<float>(activate(layout_.activation, static_cast<double>(reading.gate[i])) *
                                            static_cast<double>(reading.up[i]));
  }
  reading.write = product(as_matrix(down_.data(), d_model, d_ff), reading.neurons);
  if (!post_gain_.empty()) {
    const double squares = dot(reading.write, reading.write) / d_model;
    reading.scale = 1 / std::sqrt(squares + static_cast<double>(rms_eps_));
    for (std::size_t i = 0; i < reading.write.size(); ++i) {
      reading.write[i] = static_cast<float>(static_cast<double>(reading.write[i]) * reading.scale *
                                            static_cast<double>(post_gain_[i]));
    }
  }
  return reading;
}

std::vector<double> LayerMlp::columns_along(std::span<const float> axis) const {
  std::vector<float> weighted(axis.begin(), axis.end());
  if (!post_gain_.empty()) {
    for (std::size_t i = 0; i < weighted.size(); ++i) weighted[i] *= post_gain_[i];
  }
  // By rows of the down matrix, in double: one neuron may outweigh thousands that cancel.
  std::vector<double> along(index(layout_.d_ff));
  for (std::size_t row = 0; row < weighted.size(); ++row) {
    const float* values = down_.data() + row * along.size();
    for (std::size_t i = 0; i < along.size(); ++i) {
      along[i] += static_cast<double>(values[i]) * static_cast<double>(weighted[row]);
    }
  }
  return along;
}

std::vector<float> LayerMlp::column(int neuron) const {
  std::vector<float> column(index(layout_.d_model));
  for (std::size_t row = 0; row < column.size(); ++row) {
    column[row] = down_[row * index(layout_.d_ff) + index(neuron)] * (post_gain_.empty() ? 1.0F : post_gain_[row]);
  }
  return column;
}

NeuronShares neuron_shares(const LayerMlp& mlp, const MlpReading& sink, std::span<const MlpReading> controls,
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
    neuron.down_cos = cosine(mlp.column(neuron.neuron), axis);
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
