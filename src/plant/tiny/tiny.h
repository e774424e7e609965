#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// A sink that a tiny model shows by construction: wherever the byte stands, the MLP of the layer writes a vector
// of about this norm along the sink axis.
struct TinySink {
  int layer = 0;
  std::uint8_t byte = 0;
  float norm = 200;
};

// A small random model with a vocabulary of the 256 bytes, BOS and EOS.
struct TinyOptions {
  std::string arch = "llama";
  int n_layers = 8;
  int n_heads = 4;
  int n_kv_heads = 2;
  int d_model = 64;
  int d_ff = 128;
  int n_ctx = 2048;
  std::uint64_t seed = 1;
  bool primary = true;  // BOS becomes the primary sink in primary_layer; false: random weights only
  int primary_layer = 1;
  float primary_norm = 200;  // ordinary tokens have about sqrt(d_model)
  std::vector<TinySink> sinks;
};

inline constexpr TokenId kTinyBos = 256;
inline constexpr TokenId kTinyEos = 257;
inline constexpr int kTinyVocab = 258;

// The architectures that can be made: "llama", "qwen2", ...
std::span<const std::string_view> tiny_archs();

// Writes a model file that llama.cpp loads and that computes finite numbers: token id = byte.
//
// With a primary, four kinds of channels of the residual stream are reserved: the sink axis, one that is equal
// in all tokens, one that marks BOS and one for each sink's byte. A neuron of the MLP reads a mark and writes
// along the axis; keys read the axis, queries the equal channel; values and all other weights read and write
// none of these. With a norm after the MLP, all sinks of a layer get the largest norm asked for there.
//
// throws  Error{kUsage} if an option is out of its range; Error{kOutput} if the file cannot be written
// cost    a few MiB of memory and disk
void write_tiny_model(const TinyOptions& options, const std::string& path);

}  // namespace sinkscope
