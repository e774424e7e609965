#pragma once

#include <string_view>

namespace sinkscope {

// What sets the networks of the architectures apart, as far as their weights go.
struct TinyArch {
  std::string_view name;
  bool pre_norm = true;     // attention and MLP read the normed residual stream
  bool post_norm = false;   // what they write is normed, with a gain
  bool layer_norm = false;  // LayerNorm with biases everywhere, parallel residual, MLP without gate
  bool head_norm = false;   // queries and keys are normed by head
  bool whole_norm = false;  // queries and keys are normed as a whole
  bool qkv_bias = false;
  bool fused_qkv = false;
  bool fused_gate_up = false;
  bool half_rope = false;  // only half of a head's dimensions turn
  bool gelu = false;
  bool experts = false;
  bool shared_expert = false;     // beside the routed ones, and a first layer without experts
  bool latent = false;            // multi-head latent attention
  bool learned_sinks = false;     // and biases, as in gpt-oss
  bool scaled_embedding = false;  // by sqrt(d_model)
  int window = 0;                 // of the sliding layers
};

inline constexpr int kTinyExperts = 4;
inline constexpr int kTinyExpertsUsed = 2;
inline constexpr int kTinyLatentRank = 32;  // of queries and of keys
inline constexpr int kTinyRopeDims = 8;     // with latent attention

}  // namespace sinkscope
