#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/views.h"
#include "engine/attention/attention_mask.h"
#include "engine/gpu/attention_node.h"
#include "engine/gpu/column_plan.h"
#include "engine/gpu/kernels.h"
#include "engine/gpu/queue.h"
#include "engine/gpu/work.h"

namespace sinkscope::gpu {

// What one attention node came to, on its way to the host: staged memory, to be read once the queue has passed.
struct StagedColumns {
  MatrixView<const float> sums, far_sums;                    // [n_heads, n_keys]
  std::span<const float> learned_mass;                       // [n_heads], or empty
  MatrixView<const float> watched_attention, watched_logit;  // [n_queries, n_watched] means over heads; not masked, and
                                                             // logits are without the mask's bias
  MatrixView<const float> eviction_cost, left_out;           // [n_heads, n_watched], or empty
  std::span<const float> key_squared_norm, value_squared_norm;  // [n_queries] of the micro-batch's tokens
};

// Sums the columns of an attention node where its inputs lie, by operations of ggml that every kind of device has:
// chunks of queries are multiplied with the keys, go through a softmax, and are added up over the queries.
//
// Takes grouped queries, shared keys (MLA), windows, packs, holes and biases of masks (ALiBi), soft caps, learned
// sinks. memory  scores of a chunk on the device, at most kScoreBytes twice; column sums; watched columns source  the
// sum is ggml's POOL_2D, as OUT_PROD rounds to TF32 on CUDA; where a device has none, SUM_ROWS of what was
//         transposed
class ColumnWork {
 public:
  static constexpr std::size_t kScoreBytes = std::size_t{96} << 20;

  // kernels  that take the place of operations where they can; or null
  ColumnWork(Queue& queue, Kernels* kernels) : queue_(queue), kernels_(kernels) {}

  // What is known of masks does not hold any more.
  void begin_micro_batch() { plans_.clear(); }
  // Whether the device has all operations for a node of this kind.
  bool takes(const ggml_tensor& node);
  // Hands the work over.
  //
  // mask      as read from the node's own; its far keys lie before near ones for each query
  // watched   keys, ascending
  // eviction  eviction costs as well
  // throws    Error{kModel} if some query's far keys do not lie before its near ones
  StagedColumns sum(const ggml_tensor& node, const AttentionMask& mask, std::span<const std::int32_t> watched,
                    bool eviction);

 private:
  struct PlanOnDevice {
    ColumnPlan plan;
    std::optional<Kept> band;
    bool plain = true;         // one stretch of keys a query, without a bias
    std::optional<Kept> rows;  // as kernels read them: DeviceRow, then DeviceTile
  };
  struct Sums {
    ggml_tensor *sums, *far, *learned;  // [n_keys, n_heads] twice, [1, n_heads]
  };

  Sums sums_in(Work& work, const AttentionNode& node, std::int64_t n_keys) const;
  ggml_tensor* watched_in(Work& work, const AttentionNode& node, std::int64_t n_watched) const;
  void make_room(const AttentionNode& node, std::int64_t n_keys, std::int64_t n_watched);
  void clear(Work& work, const AttentionNode& node, std::int64_t n_keys, std::int64_t n_watched) const;
  ggml_tensor* scores(Work& work, const AttentionNode& node, const ColumnChunk& chunk) const;
  void add_chunk(Work& work, const AttentionNode& node, const ColumnChunk& chunk, const PlanOnDevice& plan,
                 std::int64_t n_keys, std::span<const std::int32_t> watched) const;
  ggml_tensor* sum_over_queries(Work& work, ggml_tensor* weights) const;
  PlanOnDevice* plan_of(const AttentionMask& mask, std::int64_t n_heads);
  void sum_by_operations(const AttentionNode& node, const PlanOnDevice& plan, std::int64_t n_keys,
                         std::span<const std::int32_t> watched);
  void sum_by_kernels(const AttentionNode& node, const PlanOnDevice& plan, std::int64_t n_keys);

  Queue& queue_;
  Kernels* kernels_;
  std::map<std::pair<std::uint64_t, std::int64_t>, std::optional<PlanOnDevice>> plans_;  // by mask and heads
  std::map<std::vector<std::int64_t>, bool> taken_;                                      // by shape
  std::optional<Kept> sums_, watched_;
  std::optional<Kept> queries_,
      normalisers_;  // of kernels: [n_heads, n_queries, head_dim] halves; [2, n_heads, n_queries]
};

}  // namespace sinkscope::gpu
