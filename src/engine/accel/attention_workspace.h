#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <vector>

#include "base/index.h"
#include "engine/accel/attention_rows.h"
#include "engine/accel/flash_attention.h"
#include "engine/accel/numbers.h"
#include "engine/accel/onednn.h"
#include "engine/accel/pack_kernels.h"
#include "engine/accel/softmax_kernels.h"

namespace sinkscope::accel {

inline constexpr int kTileKeys = 512;
inline constexpr int kTileBlocks = kTileKeys / kBlockColumns;
inline constexpr int kMaxRows = 128;  // of a block: queries x heads
inline constexpr int kHeadLocks = 256;
inline constexpr float kUnseen = -std::numeric_limits<float>::infinity();

struct FlashAttention::Workspace {
  explicit Workspace(Onednn& library) : onednn(library) {}

  // What one thread needs for one block.
  struct Scratch {
    std::vector<unsigned char> queries, weights;
    std::vector<float> scores, outputs, staging, columns, far_columns;
    std::array<float, kMaxRows> largest, total, inverse;
    std::array<std::int32_t, kMaxRows> far_last;
    std::vector<std::uint16_t> mask_row;
  };

  // The node.
  struct Shape {
    const ggml_tensor *query, *key, *value, *mask;
    const float* sinks;
    char* result;
    std::int64_t stream;
    int n_queries, n_heads, n_kv_heads, key_dim, value_dim;
    int n_cells;
    float scale, max_bias, softcap;
  } shape;

  void read_shape(const ggml_tensor* node, std::int64_t stream);
  void plan(std::span<const AttentionRow> all_rows, int n_threads);
  void prepare_operations(int n_threads);
  void pack(int first_head, int n_heads, int n_threads);
  void pack_block(int head, int slot, int block, int thread);
  void attend_heads(int first_head, int n_heads, int n_threads);
  bool run_block(int block_index, int kv_head, int slot, int chunk, int thread);
  void load_queries(const AttentionBlock& block, int first_head, Scratch& scratch) const;
  void soften_tile(const AttentionBlock& block, int first_head, int tile_first, Scratch& scratch) const;
  void make_weights(const AttentionBlock& block, int row, const AttentionRow& keys, float slope, float sink,
                    int tile_first, Scratch& scratch) const;
  void rescale_row(const AttentionBlock& block, int row, int tile_first, float factor, Scratch& scratch) const;
  void watch_logits(const AttentionBlock& block, int watch_slot, int tile_first, const Scratch& scratch);
  void watch_attention(const AttentionBlock& block, int watch_slot, int first_head, Scratch& scratch);
  void finish_rows(int block_index, int first_head, Scratch& scratch);
  void sum_columns(const AttentionBlock& block, int first_head, Scratch& scratch);
  void store(const AttentionBlock& block, int first_head, const Scratch& scratch) const;
  void clear_sums();
  AttentionSums result(int n_threads);

  int repeats() const { return shape.n_heads / shape.n_kv_heads; }  // query heads of a KV head
  int rows_in_block() const { return heads_at_once * queries_in_block; }
  // Where tile number `tile_first` of a block's weights starts: whole tiles lie one after the other.
  unsigned char* tile_weights(Scratch& scratch, const AttentionBlock& block, int tile_first) const {
    return scratch.weights.data() + index(rows_in_block()) * index(tile_first - block.first) * bytes_of(number);
  }
  int panel_width(int panel) const {
    return blocks ? std::min(kBlockColumns, shape.value_dim - panel * kBlockColumns) : shape.value_dim;
  }
  int tile_width(const AttentionBlock& block, int tile_first) const {
    return std::min(kTileKeys, block.last - tile_first);
  }

  Onednn& onednn;
  const SoftmaxKernels kernels = softmax_kernels_of_processor();
  const PackKernels pack_kernels = pack_kernels_of_processor();
  Number number = Number::kF32;
  bool blocks = true;  // factors in oneDNN's blocks, not in plain rows
  std::span<const AttentionRow> rows;
  const ColumnQuestion* question = nullptr;
  double flop = 0;

  int heads_at_once = 1, chunks_of_heads = 1;  // of one KV head: chunks_of_heads x heads_at_once query heads
  int queries_in_block = 1;
  std::vector<AttentionBlock> attention_blocks;
  int first_key = 0, n_packed = 0,
      n_seen = 0;  // keys [first_key, first_key + n_packed) are packed, those < n_seen read
  int packed_key_dim = 0, n_panels = 1, heads_in_group = 1;
  std::size_t key_bytes = 0, value_bytes = 0;  // of one packed KV head

  std::vector<unsigned char> packed_keys, packed_values;
  std::vector<Scratch> scratches;
  std::array<const Operation*, kTileBlocks> score_products{};
  std::array<std::array<const Operation*, kTileBlocks>, 2> value_products{};

  // Sums, exact whatever the order: see add_exactly.
  std::vector<double> totals, far_totals;                                    // [heads of the group, key_stride]
  int first_total = 0;                                                       // the group's first head
  std::vector<std::mutex> head_locks = std::vector<std::mutex>(kHeadLocks);  // head % kHeadLocks
  std::vector<double> learned;                                               // [n_heads, blocks]
  // Means over heads are made from sums over the heads of one KV head (or chunk of it), in a fixed order.
  std::vector<float> watched_logits, watched_weights;  // [n_kv_heads * chunks, n_queries, n_watched]
  std::vector<float> watched_by_head;                  // [n_heads, n_queries, n_watched], where asked for
  int n_keys = 0, n_watched = 0, key_stride = 0;       // key_stride: n_keys in whole blocks
  std::vector<float> sums, far_sums, mean_logits, mean_weights;
  std::vector<double> learned_mass;
  std::vector<std::uint8_t> visible;
};

}  // namespace sinkscope::accel
