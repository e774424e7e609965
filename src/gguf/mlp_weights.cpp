#include "gguf/mlp_weights.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/index.h"
#include "base/vectors.h"

namespace sinkscope {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> as_matrix(const float* data, int rows, int cols) { return {data, rows, cols}; }

std::vector<float> product(const Eigen::Map<const RowMajor>& matrix, std::span<const float> vector) {
  std::vector<float> result(index(matrix.rows()));
  const Eigen::Map<const Eigen::VectorXf> in(vector.data(), static_cast<Eigen::Index>(vector.size()));
  Eigen::Map<Eigen::VectorXf>(result.data(), matrix.rows()) = matrix * in;
  return result;
}

}  // namespace

MlpWeights::MlpWeights(const GgufFile& file, int layer)
    : layout_(mlp_layout(file, layer)), up_(tensor_floats(file, layout_.up)), down_(tensor_floats(file, layout_.down)) {
  if (!layout_.fused()) gate_ = tensor_floats(file, layout_.gate);
  if (layout_.post_norm.empty()) return;
  post_gain_ = tensor_floats(file, layout_.post_norm);
  const std::string arch = file.metadata().text("general.architecture").value_or("");
  rms_eps_ = static_cast<float>(file.metadata().number(arch + ".attention.layer_norm_rms_epsilon").value_or(0));
}

std::span<const float> MlpWeights::gate_row(int neuron) const {
  const std::size_t width = index(layout_.d_model);
  // Fused: the gate's rows come first.
  return std::span(layout_.fused() ? up_ : gate_).subspan(index(neuron) * width, width);
}

std::span<const float> MlpWeights::up_row(int neuron) const {
  const std::size_t width = index(layout_.d_model);
  return std::span(up_).subspan(index(neuron + (layout_.fused() ? layout_.d_ff : 0)) * width, width);
}

std::vector<float> MlpWeights::column(int neuron) const {
  std::vector<float> column(index(layout_.d_model));
  for (std::size_t row = 0; row < column.size(); ++row) column[row] = down_[row * index(layout_.d_ff) + index(neuron)];
  return column;
}

std::vector<float> MlpWeights::column_with_gain(int neuron) const {
  std::vector<float> result = column(neuron);
  for (std::size_t i = 0; i < post_gain_.size(); ++i) result[i] *= post_gain_[i];
  return result;
}

std::vector<double> MlpWeights::columns_along(std::span<const float> axis) const {
  std::vector<float> weighted(axis.begin(), axis.end());
  for (std::size_t i = 0; i < post_gain_.size(); ++i) weighted[i] *= post_gain_[i];
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

MlpReading MlpWeights::read(std::span<const float> input) const {
  const int d_ff = layout_.d_ff, d_model = layout_.d_model;
  MlpReading reading;
  reading.gate = product(as_matrix(gate_row(0).data(), d_ff, d_model), input);
  reading.up = product(as_matrix(up_row(0).data(), d_ff, d_model), input);
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

Matrix<float> MlpWeights::activations(MatrixView<const float> inputs) const {
  const auto n = static_cast<Eigen::Index>(inputs.rows());
  const Eigen::Index width = layout_.d_model, d_ff = layout_.d_ff;
  const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> x(
      inputs.data(), n, width, Eigen::OuterStride<>(static_cast<Eigen::Index>(inputs.stride())));
  const Eigen::Map<const RowMajor> gate(gate_row(0).data(), d_ff, width), up(up_row(0).data(), d_ff, width);
  Matrix<float> result(inputs.rows(), index(layout_.d_ff));
  Eigen::Map<RowMajor> out(result.data(), n, d_ff);
  const RowMajor gates = x * gate.transpose();
  out.noalias() = x * up.transpose();
  for (Eigen::Index i = 0; i < gates.size(); ++i) {
    out.data()[i] *= static_cast<float>(activate(layout_.activation, static_cast<double>(gates.data()[i])));
  }
  return result;
}

std::vector<int> MlpWeights::by_usage(MatrixView<const float> inputs) const {
  const std::size_t d_ff = index(layout_.d_ff), width = index(layout_.d_model);
  const Matrix<float> active = activations(inputs);
  std::vector<double> usage(d_ff, 0.0), squares(d_ff, 0.0);
  for (std::size_t row = 0; row < active.rows(); ++row) {
    for (std::size_t j = 0; j < d_ff; ++j) usage[j] += std::abs(static_cast<double>(active(row, j)));
  }
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = 0; j < d_ff; ++j) {
      const double weight = static_cast<double>(down_[i * d_ff + j]);
      squares[j] += weight * weight;
    }
  }
  for (std::size_t j = 0; j < d_ff; ++j) usage[j] *= std::sqrt(squares[j]);
  std::vector<int> order(d_ff);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](int neuron) { return usage[index(neuron)]; });
  return order;
}

double MlpWeights::mean_square_write(MatrixView<const float> inputs) const {
  if (inputs.rows() == 0) return 0;
  const Matrix<float> active = activations(inputs);
  const Eigen::Map<const RowMajor> a(active.data(), static_cast<Eigen::Index>(active.rows()), layout_.d_ff);
  const RowMajor written = a * as_matrix(down_.data(), layout_.d_model, layout_.d_ff).transpose();
  return static_cast<double>(written.squaredNorm()) / static_cast<double>(inputs.rows());
}

void MlpWeights::set_rows(int neuron, std::span<const float> gate, std::span<const float> up) {
  const std::size_t width = index(layout_.d_model);
  float* gates = (layout_.fused() ? up_ : gate_).data();
  float* ups = up_.data() + (layout_.fused() ? index(layout_.d_ff) * width : 0);
  std::copy_n(gate.begin(), width, gates + index(neuron) * width);
  std::copy_n(up.begin(), width, ups + index(neuron) * width);
}

void MlpWeights::set_column(int neuron, std::span<const float> column) {
  for (std::size_t i = 0; i < column.size(); ++i) down_[i * index(layout_.d_ff) + index(neuron)] = column[i];
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

}  // namespace sinkscope
