#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/views.h"
#include "probe/model.h"

struct ggml_tensor;

namespace sinkscope {

// A pack run by llama.cpp alone, slowly and in plain sight: without flash attention, one node after another, in one
// micro-batch and one thread, in float32. Before the softmax of each block the whole mask is rewritten by hand, and
// after it put back.
class HandMaskedRun {
 public:
  // hides  (layer, sequence, query position, key position): whether the mask is to hide the pair
  HandMaskedRun(const std::string& model, const Pack& pack, int n_layers,
                std::function<bool(int, int, int, int)> hides);

  // Whether a query comes at least min_distance positions after a key of its own sequence.
  bool is_far(std::size_t query, std::size_t key, int min_distance) const {
    return sequence_[query] == sequence_[key] && position_[query] - position_[key] >= min_distance;
  }

  std::vector<Matrix<double>> sums;    // [n_layers] of [n_heads, n_tokens] attention over all queries
  std::vector<Matrix<float>> outputs;  // [n_layers] of [n_tokens, d_model] block outputs
  std::vector<Cube<float>> attention;  // [n_layers] of [n_heads, n_queries, n_tokens]

 private:
  static bool on_node(ggml_tensor* node, bool ask, void* self);
  void before(ggml_tensor* node, int layer);
  void after(ggml_tensor* node, int layer);
  void keep_output(const ggml_tensor* node, int layer);

  std::function<bool(int, int, int, int)> hides_;
  std::vector<int> sequence_, position_;
  std::vector<std::uint8_t> mask_;
};

}  // namespace sinkscope
