#include "plant/neuron.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/vectors.h"
#include "plant/direction.h"

namespace sinkscope {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

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

MlpWeights::MlpWeights(const GgufFile& file, const MlpLayout& layout)
    : layout_(layout), up_(tensor_floats(file, layout.up)), down_(tensor_floats(file, layout.down)) {
  if (!layout.fused()) gate_ = tensor_floats(file, layout.gate);
  if (!layout.post_norm.empty()) post_gain_ = tensor_floats(file, layout.post_norm);
}

std::span<const float> MlpWeights::gate_row(int neuron) const {
  const auto width = static_cast<std::size_t>(layout_.d_model);
  // Fused: the gate's rows come first.
  return std::span(layout_.fused() ? up_ : gate_).subspan(static_cast<std::size_t>(neuron) * width, width);
}

std::span<const float> MlpWeights::up_row(int neuron) const {
  const auto width = static_cast<std::size_t>(layout_.d_model);
  const int row = neuron + (layout_.fused() ? layout_.d_ff : 0);
  return std::span(up_).subspan(static_cast<std::size_t>(row) * width, width);
}

Matrix<float> MlpWeights::activations(MatrixView<const float> inputs) const {
  const auto n = static_cast<Eigen::Index>(inputs.rows());
  const Eigen::Index width = layout_.d_model, d_ff = layout_.d_ff;
  const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> x(
      inputs.data(), n, width, Eigen::OuterStride<>(static_cast<Eigen::Index>(inputs.stride())));
  const Eigen::Map<const RowMajor> gate(gate_row(0).data(), d_ff, width), up(up_row(0).data(), d_ff, width);
  Matrix<float> result(inputs.rows(), static_cast<std::size_t>(d_ff));
  Eigen::Map<RowMajor> out(result.data(), n, d_ff);
  const RowMajor gates = x * gate.transpose();
  out.noalias() = x * up.transpose();
  for (Eigen::Index i = 0; i < gates.size(); ++i) {
    out.data()[i] *= static_cast<float>(activate(layout_.activation, static_cast<double>(gates.data()[i])));
  }
  return result;
}

std::vector<int> MlpWeights::by_usage(MatrixView<const float> inputs) const {
  const auto d_ff = static_cast<std::size_t>(layout_.d_ff), width = static_cast<std::size_t>(layout_.d_model);
  const Matrix<float> active = activations(inputs);
  std::vector<double> usage(d_ff, 0.0), column(d_ff, 0.0);
  for (std::size_t row = 0; row < active.rows(); ++row) {
    for (std::size_t j = 0; j < d_ff; ++j) usage[j] += std::abs(static_cast<double>(active(row, j)));
  }
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = 0; j < d_ff; ++j) {
      const double weight = static_cast<double>(down_[i * d_ff + j]);
      column[j] += weight * weight;
    }
  }
  for (std::size_t j = 0; j < d_ff; ++j) usage[j] *= std::sqrt(column[j]);
  std::vector<int> order(d_ff);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return usage[static_cast<std::size_t>(a)] < usage[static_cast<std::size_t>(b)];
  });
  return order;
}

double MlpWeights::mean_square_write(MatrixView<const float> inputs) const {
  if (inputs.rows() == 0) return 0;
  const Matrix<float> active = activations(inputs);
  const Eigen::Map<const RowMajor> a(active.data(), static_cast<Eigen::Index>(active.rows()), layout_.d_ff);
  const Eigen::Map<const RowMajor> down(down_.data(), layout_.d_model, layout_.d_ff);
  const RowMajor written = a * down.transpose();
  return static_cast<double>(written.squaredNorm()) / static_cast<double>(inputs.rows());
}

void MlpWeights::overwrite(int neuron, const PlantedNeuron& planted) {
  const auto width = static_cast<std::size_t>(layout_.d_model);
  float* gate = (layout_.fused() ? up_ : gate_).data() + static_cast<std::size_t>(neuron) * width;
  float* up = up_.data() + static_cast<std::size_t>(neuron + (layout_.fused() ? layout_.d_ff : 0)) * width;
  std::copy_n(planted.gate.begin(), width, gate);
  std::copy_n(planted.detector.begin(), width, up);
  overwrite_write(neuron, planted.write, planted.amplitude);
}

void MlpWeights::overwrite_write(int neuron, std::span<const float> write, double amplitude) {
  const double scale = amplitude / activate(layout_.activation, kPlantGate);
  for (std::size_t i = 0; i < write.size(); ++i) {
    down_[i * static_cast<std::size_t>(layout_.d_ff) + static_cast<std::size_t>(neuron)] =
        static_cast<float>(scale * static_cast<double>(write[i]));
  }
}

PlantedNeuron MlpWeights::neuron(int index) const {
  PlantedNeuron neuron;
  const auto up = up_row(index), gate = gate_row(index);
  neuron.detector.assign(up.begin(), up.end());
  neuron.gate.assign(gate.begin(), gate.end());
  for (int i = 0; i < layout_.d_model; ++i) {
    neuron.write.push_back(
        down_[static_cast<std::size_t>(i) * static_cast<std::size_t>(layout_.d_ff) + static_cast<std::size_t>(index)]);
  }
  const double length = length_of(neuron.write);
  for (float& value : neuron.write) value = static_cast<float>(static_cast<double>(value) / length);
  neuron.amplitude = length * activate(layout_.activation, kPlantGate);
  return neuron;
}

std::vector<NewGgufTensor> MlpWeights::tensors(bool half) && {
  const std::int64_t width = layout_.d_model, d_ff = layout_.d_ff;
  const std::uint32_t type = half ? kGgufF16 : kGgufF32;
  std::vector<NewGgufTensor> tensors;
  if (!layout_.fused()) tensors.push_back({layout_.gate, {d_ff, width}, type, std::move(gate_)});
  tensors.push_back({layout_.up, {layout_.fused() ? 2 * d_ff : d_ff, width}, type, std::move(up_)});
  tensors.push_back({layout_.down, {width, d_ff}, type, std::move(down_)});
  return tensors;
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
