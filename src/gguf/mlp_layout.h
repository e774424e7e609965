#pragma once

#include <string>
#include <string_view>

#include "gguf/file.h"

namespace sinkscope {

enum class Activation { kSilu, kGelu };  // GELU by tanh, as ggml computes it

// Where the gated MLP of one block lies in a model file: down(act(gate x) * (up x)).
struct MlpLayout {
  int layer = 0;
  int d_model = 0;
  int d_ff = 0;
  std::string gate;  // tensor names; with fused gate and up the same, gate rows first
  std::string up;
  std::string down;
  std::string post_norm;  // gain of the norm behind the MLP; empty if there is none
  Activation activation = Activation::kSilu;

  bool fused() const { return gate == up; }
};

// throws  Error{kModel} if the block has experts or no gate, its activation is not known here, or the shapes of
//         its matrices do not fit
MlpLayout mlp_layout(const GgufFile& file, int layer);

// [d_model] or [rows, d_model] numbers of a tensor that mlp_layout named.
std::vector<float> tensor_floats(const GgufFile& file, const std::string& name);

double activate(Activation activation, double x);

}  // namespace sinkscope
