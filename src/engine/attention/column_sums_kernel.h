#pragma once

// The inner loops of the column sums, compiled for each instruction set and chosen at run time. Only
// column_sums.cpp calls these.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/attention/attention_mask.h"
#include "engine/attention/column_sums.h"
#include "engine/attention/elements.h"

namespace sinkscope::attention_kernel {

// Keys of a tile. Scores of a tile are kept relative to the row's largest logit so far, and put right at the end of
// the row by one factor a tile. A multiple of every target's panel.
inline constexpr int kTileKeys = 128;

// Rows that the product takes at a time, at most: scratch memory is rounded up to it.
inline constexpr int kMaxProductRows = 12;
// Rows of a block, at most.
inline constexpr int kMaxRows = 8 * kMaxProductRows;

inline constexpr int rounded_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// What is common to the keys of a tile.
struct TileFacts {
  std::int32_t min_position = 0;
  std::int32_t max_position = 0;
  bool one_sequence = true;
  std::int32_t sequence = 0;  // if there is one
};

// The softmax of one row as it stands.
struct RowState {
  std::int32_t query, head;          // of the micro-batch; of the block
  std::int32_t first_key, last_key;  // that the query sees
  bool plain;                        // sees all of them, with no bias
  std::int32_t next_watched;         // slot
  float largest;                     // logit so far
  double total;                      // sum of exp(logit - largest) so far
};

// Some consecutive queries of some heads that share one KV head. A row is one query of one head; row r is
// head r / n_queries, query r % n_queries of the block.
struct RowBlock {
  const AttentionInputs* inputs;
  const AttentionMask* mask;
  const float* slopes;  // [n_heads] of the block
  int first_head, n_heads;
  int first_query, n_queries;
  int first_tile, last_tile;  // of the keys that any of these queries sees, exclusive
  const float* panels;        // [n_tiles, kTileKeys * head_dim] of the KV head, by pack_keys
  const TileFacts* tiles;
  const std::int32_t* key_position;  // [n_tiles * kTileKeys]
  const std::int32_t* key_sequence;

  float* packed_queries;     // scratch [rows rounded up to kMaxProductRows, head_dim]
  float* scores;             // scratch [rows rounded up, score_stride]
  std::size_t score_stride;  // at least n_tiles * kTileKeys
  float* tile_weights;       // scratch [rows, n_tiles]
  int n_tiles;
  RowState* rows;  // scratch [rows]

  // Watched keys that query q sees: slots slot_begin[q] .. slot_begin[q + 1], keys ascending.
  const std::int32_t* slot_begin;
  const std::int32_t* slot_key;
  float* slot_attention;  // sums over the heads of the block are written
  float* slot_logit;
  float* head_attention;  // [n_heads, n_slots] is written, or null
  std::size_t n_slots;
  float* log_z;  // [n_heads, mask's queries] is written, or null

  float* sums;           // [n_heads, n_tiles * kTileKeys] is added to
  float* far_sums;       // likewise
  double* learned_mass;  // [n_heads] is added to
};

// Attention of one block of rows, added to its column sums.
void add_row_block(const RowBlock& block);

// Keys of one tile as float32, in the order in which the product reads them; zero beyond n_keys.
//
// panels  [kTileKeys * head_dim] is written
void pack_keys(const HeadVectors& keys, int kv_head, int head_dim, int first_key, int n_keys, float* panels);

// Sum of squares of a contiguous vector.
float sum_of_squares(const void* vector, ElementType type, int n);

}  // namespace sinkscope::attention_kernel
