#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/views.h"
#include "engine/attention/attention_mask.h"
#include "engine/attention/elements.h"
#include "probe/observer.h"

namespace sinkscope {

// Of a query whose attention to one key is above this, too little is left to say what its output would be without the
// key: such pairs are left out and counted.
inline constexpr float kMostAttention = 0.9999F;
// The same where the output was added up in half precision, whose rounding is multiplied by (p / (1 - p))^2.
inline constexpr float kMostAttentionOfHalves = 0.99F;

// What one attention node read and made, for one layer and one micro-batch.
struct EvictionInputs {
  int n_heads = 0;
  int n_kv_heads = 0;
  int value_dim = 0;
  HeadVectors values;                // [n_keys, n_kv_heads] of value_dim
  bool rounded_to_bf16 = false;      // the output was made of values rounded to bf16
  HeadVectors outputs;               // [n_queries, n_heads] of value_dim, float32: the node's own result
  const float* attention = nullptr;  // [n_heads, n_queries, n_watched] A[h, q, k]; 0 where not visible
  float most_attention = kMostAttention;
};

// How far attention outputs would move, were a key removed from the cache.
//
//   cost[h, k] = sum over far q that see k of |o[q, h] - o'[q, h]|^2
//              = sum over far q that see k of (p / (1 - p))^2 |v[k] - o[q, h]|^2,   p = A[h, q, k]
//
// where o' is the attention output of a softmax without the key: o' = (o - p v) / (1 - p). Far: min_distance or more
// positions later, in the same sequence. A learned sink logit stays in both, as it has no value.
class EvictionCost {
 public:
  // watched  keys, ascending
  // returns  views of memory of this object, valid until the next call
  // cost     2 * n_heads * n_queries * n_watched * value_dim operations in float32, on n_threads threads; sums of 64
  // queries in
  //          float32, of these in float64. Memory grows as n_heads * n_watched * n_queries / 64
  // order    of additions is fixed: results do not depend on the number of threads
  EvictionCosts compute(const EvictionInputs& inputs, const AttentionMask& mask, std::span<const std::int32_t> watched,
                        int n_threads = 1);

 private:
  void find_far(const AttentionMask& mask, std::span<const std::int32_t> watched);
  void load_values(const EvictionInputs& in, std::span<const std::int32_t> watched, std::size_t stride, int n_threads);
  void add_chunk(const EvictionInputs& in, int head, int chunk, std::size_t n_watched, std::size_t stride, double* cost,
                 std::int32_t* left_out) const;

  std::vector<float> values_;               // [n_kv_heads, value_dim, n_watched rounded up]
  std::vector<std::int32_t> first_, last_;  // [n_queries] watched keys that the query sees from afar
  std::vector<double> cost_of_chunk_;
  std::vector<std::int32_t> left_out_of_chunk_;
  std::vector<double> cost_;
  std::vector<std::int32_t> left_out_, far_queries_;
};

}  // namespace sinkscope
