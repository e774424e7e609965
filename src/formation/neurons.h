#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/views.h"
#include "formation/explain_options.h"
#include "gguf/file.h"
#include "gguf/mlp_layout.h"

namespace sinkscope {

// What the MLP of one layer makes of one token: down(act(gate x) * (up x)), and a norm behind it where there is one.
struct MlpReading {
  std::vector<float> gate, up;  // [d_ff] before the activation
  std::vector<float> neurons;   // [d_ff] a = act(gate) * up, what the down matrix reads
  std::vector<float> write;     // [d_model] what the block adds
  double scale = 1;             // of a column's write: 1, or with a post-norm 1 / rms
};

// The MLP of one layer, dequantised.
//
// memory  3 d_ff d_model floats
class LayerMlp {
 public:
  // throws  Error{kModel} if the layer's MLP is not of a kind that is known here (mlp_layout)
  LayerMlp(const GgufFile& file, int layer);

  int layer() const { return layout_.layer; }
  // cost  3 d_ff d_model multiply-adds
  MlpReading read(std::span<const float> input) const;
  // What one unit of each neuron adds along an axis, before `scale`: <gain * D_i, axis>.
  //
  // returns  [d_ff]
  std::vector<double> columns_along(std::span<const float> axis) const;
  // gain * D_i
  std::vector<float> column(int neuron) const;

 private:
  MlpLayout layout_;
  float rms_eps_ = 0;
  std::vector<float> gate_, up_, down_, post_gain_;  // gate_ is empty where it is fused with up_
};

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
NeuronShares neuron_shares(const LayerMlp& mlp, const MlpReading& sink, std::span<const MlpReading> controls,
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
