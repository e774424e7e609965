#pragma once

#include <cstdint>
#include <span>

#include "engine/attention/attention_mask.h"
#include "engine/gpu/attention_node.h"
#include "engine/gpu/queue.h"
#include "engine/gpu/work.h"

namespace sinkscope::gpu {

struct StagedColumns;

// What is asked of an attention node beside its column sums, as part of a piece of work: norms of keys and values,
// means over heads of watched columns, and what removing a watched key would do to the output.
class WatchedWork {
 public:
  // most_attention as of kMostAttentionOfHalves: devices add outputs up in half precision
  WatchedWork(Queue& queue, Work& work, const AttentionNode& node) : queue_(queue), work_(work), node_(node) {}

  // Of the micro-batch's own tokens, over all KV heads.
  void norms(const AttentionMask& mask, StagedColumns& staged);
  // attention       [n_watched, n_queries, n_heads], 0 where a query does not see the key; or null:
  // log_normaliser  [n_heads, n_queries], of which and of logits attention is made
  void columns(ggml_tensor* attention, const ggml_tensor* log_normaliser, const AttentionMask& mask,
               std::span<const std::int32_t> watched, bool eviction, StagedColumns& staged);

  // Whether the device has all operations for a node of this kind.
  static bool supported(Queue& queue, const AttentionNode& node);

 private:
  ggml_tensor* squared_norm(const ggml_tensor& heads, std::int64_t first_cell);
  ggml_tensor* rows_of(const ggml_tensor& heads, std::span<const std::int32_t> ids);
  ggml_tensor* logits(ggml_tensor* keys);
  ggml_tensor* attention_of(ggml_tensor* logits, const ggml_tensor& log_normaliser, const AttentionMask& mask,
                            std::span<const std::int32_t> watched);
  ggml_tensor* mean_over_heads(ggml_tensor* by_head);
  ggml_tensor* squared_distance(ggml_tensor* values, std::int64_t n_watched);
  void eviction(ggml_tensor* attention, ggml_tensor* distance, ggml_tensor* is_far, std::span<float> cost,
                std::span<float> left_out);

  Queue& queue_;
  Work& work_;
  const AttentionNode& node_;
};

}  // namespace sinkscope::gpu
