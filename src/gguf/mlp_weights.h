#pragma once

#include <span>
#include <vector>

#include "base/views.h"
#include "gguf/file.h"
#include "gguf/mlp_layout.h"
#include "gguf/writer.h"

namespace sinkscope {

// What a gated MLP makes of one token: down(act(gate x) * (up x)), and a norm behind it where there is one.
struct MlpReading {
  std::vector<float> gate, up;  // [d_ff] before the activation
  std::vector<float> neurons;   // [d_ff] a = act(gate) * up, what the down matrix reads
  std::vector<float> write;     // [d_model] what the block adds
  double scale = 1;             // of a column's write: 1, or with a post-norm 1 / rms
};

// The gated MLP of one block as floats: to be computed with, or changed and written back.
//
// memory  3 d_ff d_model floats
class MlpWeights {
 public:
  // throws  Error{kModel} if the block's MLP is not of a kind that is known here (mlp_layout)
  MlpWeights(const GgufFile& file, int layer);

  const MlpLayout& layout() const { return layout_; }
  int layer() const { return layout_.layer; }
  // The gain of the norm behind the MLP, [d_model]; empty without one.
  std::span<const float> post_gain() const { return post_gain_; }

  // Rows of the gate and up matrices, [d_model].
  std::span<const float> gate_row(int neuron) const;
  std::span<const float> up_row(int neuron) const;
  // A column of the down matrix, [d_model], without the gain of a norm behind it.
  std::vector<float> column(int neuron) const;
  // The same times that gain, D_i.
  std::vector<float> column_with_gain(int neuron) const;
  // <D_i, axis> of every neuron: what one unit of it adds along an axis, before MlpReading::scale.
  //
  // returns  [d_ff]
  std::vector<double> columns_along(std::span<const float> axis) const;

  // cost  3 d_ff d_model multiply-adds
  MlpReading read(std::span<const float> input) const;
  // What the down matrix reads, act(gate x) * (up x).
  //
  // inputs   [n, d_model]
  // returns  [n, d_ff]
  // cost     2 n d_ff d_model multiply-adds
  Matrix<float> activations(MatrixView<const float> inputs) const;
  // Neurons in the order of how much they write over these inputs, least first:
  // mean |act(gate x) * (up x)| times the length of the down column.
  std::vector<int> by_usage(MatrixView<const float> inputs) const;
  // Mean squared length of what the MLP writes over these inputs, before any norm behind it; 0 without inputs.
  double mean_square_write(MatrixView<const float> inputs) const;

  // Each  [d_model]
  void set_rows(int neuron, std::span<const float> gate, std::span<const float> up);
  void set_column(int neuron, std::span<const float> column);
  // half  as float16, else float32
  std::vector<NewGgufTensor> tensors(bool half) &&;

 private:
  MlpLayout layout_;
  float rms_eps_ = 0;
  std::vector<float> gate_, up_, down_, post_gain_;  // gate_ is empty where it is fused with up_
};

}  // namespace sinkscope
