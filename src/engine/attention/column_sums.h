#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/views.h"
#include "engine/attention/attention_mask.h"
#include "engine/attention/elements.h"
#include "probe/observer.h"

namespace sinkscope {

// What goes into one attention node, for one layer and one micro-batch. The logit of head h is
//
//   x = scale * q[query, h] . k[key, h / (n_heads / n_kv_heads)]
//   logit[h, query, key] = (logit_softcap ? logit_softcap * tanh(x / logit_softcap) : x) + slope(h) * mask[query, key]
//
// with slope(h) = 1, or ALiBi's slope if max_bias > 0. A learned sink logit joins the softmax normaliser of its head.
struct AttentionInputs {
  int n_heads = 0;
  int n_kv_heads = 0;  // 1: one KV head is shared by all heads, as with MLA
  int head_dim = 0;
  HeadVectors queries;  // float32 only
  HeadVectors keys;     // float32, f16 or bf16
  float scale = 1;
  float max_bias = 0;                  // 0: no ALiBi
  float logit_softcap = 0;             // 0: none
  std::span<const float> sink_logits;  // [n_heads], or empty
};

// What the queries of one micro-batch gave to each key; memory of the ColumnSums that made it.
struct AttentionSums {
  MatrixView<const float> sums;               // [n_heads, n_keys] sum over queries of A[h, q, k]
  MatrixView<const float> far_sums;           // [n_heads, n_keys] over queries at least min_distance positions later
  std::span<const double> learned_mass;       // [n_heads] sum over queries of what the learned sink logit took
  MatrixView<const float> watched_attention;  // [n_queries, n_watched] mean over heads of A; 0 where not visible
  MatrixView<const float> watched_logit;      // [n_queries, n_watched] mean over heads of the logit; 0 likewise
  MatrixView<const std::uint8_t> watched_visible;  // [n_queries, n_watched] 1 where the mask lets q see the key
  // [n_heads, n_queries, n_watched] A, where it was asked for; of keys that a query does not see it may be anything
  const float* watched_by_head = nullptr;
  bool values_as_bf16 = false;  // the node's output was made of values rounded to bf16
  bool output_in_f32 = false;   // and was added up in float32, in whatever type the values are stored
  // [n_heads, n_queries] log of the normaliser, with the learned sink logit; -inf for a query without a visible key. Of
  // ColumnSums only, where watched_by_head was asked for
  MatrixView<const float> log_z = {};
};

// Column sums of attention, and the scratch memory that they need: keep one and use it for every layer.
class ColumnSums {
 public:
  ColumnSums();
  ~ColumnSums();
  ColumnSums(ColumnSums&&) noexcept;
  ColumnSums& operator=(ColumnSums&&) noexcept;

  // Attention of one layer, summed over the queries of a micro-batch.
  //
  //   A[h, q, k] = exp(logit[h, q, k]) / (sum over visible k' of exp(logit[h, q, k']) + exp(sink_logit[h]))
  //
  // watched  keys, ascending, without repeats
  // by_head  watched_by_head and log_z as well
  // returns  views of memory of this object, valid until the next call. Per head, sums and learned mass total
  //          mask.queries_that_see(); queries without a visible key add nothing. NaN in q or k reaches the sums
  // throws   Error{kModel} if shapes or types do not agree
  // cost     n_heads * n_queries * n_keys * head_dim multiply-adds in float32, less what the mask hides in whole
  //          tiles; on n_threads threads. Memory grows as (heads of a KV head + head_dim * n_kv_heads) * n_keys
  // order    of additions is fixed by the shapes: results do not depend on the number of threads
  AttentionSums compute(const AttentionInputs& inputs, const AttentionMask& mask, std::span<const std::int32_t> watched,
                        bool by_head = false, int n_threads = 1);

 private:
  struct Workspace;
  std::unique_ptr<Workspace> workspace_;
};

// ALiBi's slope of a head: 1 without ALiBi (max_bias 0).
float alibi_slope(float max_bias, int n_heads, int head);

// Euclidean norm over all KV heads together, of the keys or values of consecutive cells.
//
// vectors  [first_cell + norms.size(), n_kv_heads] vectors of head_dim elements
// norms    [n_cells] is written
// cost     reads each element once
void key_value_norms(const HeadVectors& vectors, int n_kv_heads, int head_dim, int first_cell, std::span<float> norms);

}  // namespace sinkscope
