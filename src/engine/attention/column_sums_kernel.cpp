// Scalable vectors cannot be held in arrays, as the product's accumulators are.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/attention/column_sums_kernel.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "engine/attention/column_sums_kernel.h"
#include "engine/attention/float_vectors-inl.h"
#include "engine/attention/product-inl.h"

#ifndef SINKSCOPE_COLUMN_SUMS_KERNEL_ONCE
#define SINKSCOPE_COLUMN_SUMS_KERNEL_ONCE
#include <algorithm>
#include <cmath>
#include <limits>
namespace sinkscope::attention_kernel {
inline constexpr float kHidden = -std::numeric_limits<float>::infinity();
}  // namespace sinkscope::attention_kernel
#endif

HWY_BEFORE_NAMESPACE();
namespace sinkscope::attention_kernel::HWY_NAMESPACE {
namespace {

// The part of a tile that a row sees, in keys of the tile.
struct Span {
  int first, last;
};

HWY_INLINE Span seen_in_tile(const RowState& row, int tile) {
  return {std::max(0, row.first_key - tile * kTileKeys), std::min(kTileKeys, row.last_key - tile * kTileKeys)};
}

// Adds slope * mask to the scores of keys [first, last) of a row, -inf where a key is hidden: whatever a hidden key
// holds does not matter.
void add_mask(const RowBlock& block, const RowState& row, int first_key, Span seen, float* scores) {
  const MaskTensor& tensor = block.mask->tensor();
  const float slope = block.slopes[row.head];
  const char* mask_row = static_cast<const char*>(tensor.data) +
                         static_cast<std::size_t>(row.query) * tensor.row_stride +
                         static_cast<std::size_t>(first_key) * bytes_of(tensor.type);
  int i = seen.first;
  with_type(mask_row, tensor.type, [&](const auto* mask) HWY_ATTR {
    const Vec hidden = hn::Set(kFloats, kHidden), slopes = hn::Set(kFloats, slope);
    for (; i + kLanes <= seen.last; i += kLanes) {
      const Vec bias = load_as_float(mask + i);
      const Vec sum = hn::MulAdd(slopes, bias, hn::LoadU(kFloats, scores + i));
      hn::StoreU(hn::IfThenElse(hn::Eq(bias, hidden), hidden, sum), kFloats, scores + i);
    }
  });
  for (; i < seen.last; ++i) {
    const float bias = element(mask_row, tensor.type, static_cast<std::size_t>(i));
    scores[i] = bias == kHidden ? kHidden : scores[i] + slope * bias;
  }
}

void cap_scores(float softcap, int first, int last, float* scores) {
  const Vec cap = hn::Set(kFloats, softcap);
  for (int i = first; i < last; i += kLanes) {
    const Vec x = hn::LoadU(kFloats, scores + i);
    const Vec capped = hn::Mul(cap, hn::Tanh(kFloats, x));
    hn::StoreU(hn::IfThenElse(hn::IsNaN(x), x, capped), kFloats, scores + i);
  }
}

// Largest of scores [first, last), whole vectors.
HWY_INLINE float largest_of(const float* scores, int first, int last) {
  Vec largest = hn::LoadU(kFloats, scores + first);
#pragma GCC unroll 8
  for (int i = first + kLanes; i < last; i += kLanes) largest = hn::Max(largest, hn::LoadU(kFloats, scores + i));
  return hn::GetLane(hn::MaxOfLanes(kFloats, largest));
}

// Turns scores [first, last), whole vectors, into exp(score - reference), and returns their sum.
HWY_INLINE float exponentiate(float* HWY_RESTRICT scores, int first, int last, float reference) {
  const Vec shift = hn::Set(kFloats, reference);
  Vec total = hn::Zero(kFloats);
#pragma GCC unroll 8
  for (int i = first; i < last; i += kLanes) {
    const Vec e = exp_of_negative(hn::Sub(hn::LoadU(kFloats, scores + i), shift));
    hn::StoreU(e, kFloats, scores + i);
    total = hn::Add(total, e);
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, total));
}

// Makes logits of the products that a row sees of a tile; the rest of their vectors becomes -inf.
void make_logits(const RowBlock& block, const RowState& row, int tile, Span seen, Span vectors, float* scores) {
  if (block.inputs->logit_softcap != 0) cap_scores(block.inputs->logit_softcap, vectors.first, vectors.last, scores);
  if (!row.plain) add_mask(block, row, tile * kTileKeys, seen, scores);
  std::fill(scores + vectors.first, scores + seen.first, kHidden);
  std::fill(scores + seen.last, scores + vectors.last, kHidden);
}

// Turns the products of some rows and one tile into exp(logit - largest logit so far), and keeps the rows' states.
//
// All largest logits come before all exponentials: so the processor need not wait for one to begin the other.
void finish_tile(const RowBlock& block, int first_row, int n_rows, int tile) {
  Span seen[kProductRows], vectors[kProductRows];
  float references[kProductRows];
  float* scores = block.scores + static_cast<std::size_t>(first_row) * block.score_stride + tile * kTileKeys;
  const bool capped = block.inputs->logit_softcap != 0;
  for (int i = 0; i < n_rows; ++i) {
    RowState& row = block.rows[first_row + i];
    float* row_scores = scores + i * block.score_stride;
    seen[i] = seen_in_tile(row, tile);
    if (seen[i].first >= seen[i].last) continue;
    vectors[i] = {seen[i].first / kLanes * kLanes, rounded_up(seen[i].last, kLanes)};
    const bool whole = seen[i].first == 0 && seen[i].last == kTileKeys;
    if (!whole || !row.plain || capped) make_logits(block, row, tile, seen[i], vectors[i], row_scores);
    references[i] = std::max(row.largest, whole ? largest_of(row_scores, 0, kTileKeys)
                                                : largest_of(row_scores, vectors[i].first, vectors[i].last));
    const std::int32_t slot_end = block.slot_begin[row.query + 1];
    for (; row.next_watched < slot_end && block.slot_key[row.next_watched] < (tile + 1) * kTileKeys; ++row.next_watched)
      block.slot_logit[row.next_watched] += row_scores[block.slot_key[row.next_watched] - tile * kTileKeys];
  }
  for (int i = 0; i < n_rows; ++i) {
    RowState& row = block.rows[first_row + i];
    float& weight = block.tile_weights[static_cast<std::size_t>(first_row + i) * block.n_tiles + tile];
    weight = kHidden;
    if (seen[i].first >= seen[i].last) continue;
    float* row_scores = scores + i * block.score_stride;
    const float reference = references[i] == kHidden ? 0.0f : references[i];  // everything so far is hidden
    if (references[i] != row.largest) {
      row.total *= std::exp(static_cast<double>(row.largest) - static_cast<double>(reference));
      row.largest = references[i];
    }
    weight = references[i];
    if (seen[i].first == 0 && seen[i].last == kTileKeys) {
      row.total += static_cast<double>(exponentiate(row_scores, 0, kTileKeys, reference));
      continue;
    }
    row.total += static_cast<double>(exponentiate(row_scores, vectors[i].first, vectors[i].last, reference));
    std::fill(row_scores, row_scores + vectors[i].first, 0.0f);
    std::fill(row_scores + vectors[i].last, row_scores + kTileKeys, 0.0f);
  }
}

// Scores of all rows and tiles of the block.
void make_scores(const RowBlock& block) {
  const int head_dim = block.inputs->head_dim, n_rows = block.n_heads * block.n_queries;
  for (int tile = block.first_tile; tile < block.last_tile; ++tile) {
    const float* panels = block.panels + static_cast<std::size_t>(tile) * kTileKeys * head_dim;
    // What each group of rows sees of the tile, and what any of them does.
    Span seen[kMaxRows / kProductRows], any{kTileKeys, 0};
    for (int row = 0; row < n_rows; ++row) {
      Span& group = seen[row / kProductRows];
      if (row % kProductRows == 0) group = {kTileKeys, 0};
      const Span in_row = seen_in_tile(block.rows[row], tile);
      if (in_row.first < in_row.last) group = {std::min(group.first, in_row.first), std::max(group.last, in_row.last)};
      any = {std::min(any.first, group.first), std::max(any.last, group.last)};
    }
    // A panel stays in the first cache while all rows read it.
    for (int key = any.first / kPanelKeys * kPanelKeys; key < any.last; key += kPanelKeys)
      for (int first_row = 0; first_row < n_rows; first_row += kProductRows) {
        const Span group = seen[first_row / kProductRows];
        if (key + kPanelKeys <= group.first || key >= group.last) continue;
        multiply_rows(n_rows - first_row, block.packed_queries + static_cast<std::size_t>(first_row) * head_dim,
                      panels + static_cast<std::size_t>(key) * head_dim, head_dim,
                      block.scores + static_cast<std::size_t>(first_row) * block.score_stride + tile * kTileKeys + key,
                      block.score_stride);
      }
    for (int first_row = 0; first_row < n_rows; first_row += kProductRows)
      finish_tile(block, first_row, std::min(kProductRows, n_rows - first_row), tile);
  }
}

// Ends the softmax of each row: tile_weights becomes the factor that turns a tile's scores into probabilities.
void normalise(const RowBlock& block) {
  for (int row = 0; row < block.n_heads * block.n_queries; ++row) {
    const std::int32_t head = block.rows[row].head, query = block.rows[row].query;
    float* weights = block.tile_weights + static_cast<std::size_t>(row) * block.n_tiles;
    if (block.mask->visible()[query].count == 0) {
      std::fill(weights + block.first_tile, weights + block.last_tile, 0.0f);
      continue;
    }
    double largest = block.rows[row].largest, total = block.rows[row].total;
    if (!block.inputs->sink_logits.empty()) {
      const double sink = block.inputs->sink_logits[block.first_head + head];
      const double with_sink = std::max(largest, sink);
      const double taken = std::exp(sink - with_sink);
      total = total * std::exp(largest - with_sink) + taken;
      largest = with_sink;
      block.learned_mass[head] += taken / total;
    }
    if (block.log_z) {
      block.log_z[static_cast<std::size_t>(head) * block.mask->n_queries() + query] =
          static_cast<float>(largest + std::log(total));
    }
    const float last_reference = block.rows[row].largest;
    const float last_weight = static_cast<float>(std::exp(static_cast<double>(last_reference) - largest) / total);
    for (int tile = block.first_tile; tile < block.last_tile; ++tile)
      weights[tile] = weights[tile] == last_reference
                          ? last_weight
                          : static_cast<float>(std::exp(static_cast<double>(weights[tile]) - largest) / total);
    for (int slot = block.slot_begin[query]; slot < block.slot_begin[query + 1]; ++slot) {
      const int key = block.slot_key[slot];
      const float attention =
          block.scores[static_cast<std::size_t>(row) * block.score_stride + key] * weights[key / kTileKeys];
      block.slot_attention[slot] += attention;
      if (block.head_attention) block.head_attention[head * block.n_slots + slot] = attention;
    }
  }
}

enum class Far { kNone, kSome, kAll };

struct BlockPlaces {
  std::int64_t min_position, max_position;
  bool one_sequence;
  std::int32_t sequence;
};

BlockPlaces places_of(const RowBlock& block) {
  const auto position = block.mask->query_position().subspan(block.first_query, block.n_queries);
  const auto sequence = block.mask->query_sequence().subspan(block.first_query, block.n_queries);
  BlockPlaces places{position[0], position[0], true, sequence[0]};
  for (int i = 1; i < block.n_queries; ++i) {
    places.min_position = std::min<std::int64_t>(places.min_position, position[i]);
    places.max_position = std::max<std::int64_t>(places.max_position, position[i]);
    places.one_sequence = places.one_sequence && sequence[i] == places.sequence;
  }
  return places;
}

// Which of the block's queries are far from the keys of a tile.
Far far_in_tile(const RowBlock& block, const BlockPlaces& places, const TileFacts& tile) {
  const std::int64_t distance = block.mask->min_distance();
  if (places.max_position - tile.min_position < distance) return Far::kNone;
  const bool one = places.one_sequence && tile.one_sequence;
  if (one && places.sequence != tile.sequence) return Far::kNone;
  return one && places.min_position - tile.max_position >= distance ? Far::kAll : Far::kSome;
}

// Adds weight * score of the rows of each head to its column sums, kVectors vectors of keys at a time.
void add_columns(const RowBlock& block) {
  constexpr int kVectors = 8, kStep = kVectors * kLanes;
  static_assert(kTileKeys % kStep == 0);
  const BlockPlaces places = places_of(block);
  const std::size_t n_columns = static_cast<std::size_t>(block.n_tiles) * kTileKeys;
  for (int tile = block.first_tile; tile < block.last_tile; ++tile) {
    const Far far = far_in_tile(block, places, block.tiles[tile]);
    for (int head = 0; head < block.n_heads; ++head)
      for (int key = tile * kTileKeys; key < (tile + 1) * kTileKeys; key += kStep) {
        Vec sums[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[v] = hn::Zero(kFloats);
        const int first_row = head * block.n_queries;
        for (int row = first_row; row < first_row + block.n_queries; ++row) {
          const float weight = block.tile_weights[static_cast<std::size_t>(row) * block.n_tiles + tile];
          if (weight == 0) continue;  // the row sees nothing of the tile, and wrote nothing there
          const float* HWY_RESTRICT scores = block.scores + static_cast<std::size_t>(row) * block.score_stride + key;
          const Vec weights = hn::Set(kFloats, weight);
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v)
            sums[v] = hn::MulAdd(weights, hn::LoadU(kFloats, scores + v * kLanes), sums[v]);
        }
        float* HWY_RESTRICT all = block.sums + head * n_columns + key;
        float* HWY_RESTRICT far_sums = block.far_sums + head * n_columns + key;
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v)
          hn::StoreU(hn::Add(sums[v], hn::LoadU(kFloats, all + v * kLanes)), kFloats, all + v * kLanes);
        if (far != Far::kAll) continue;
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v)
          hn::StoreU(hn::Add(sums[v], hn::LoadU(kFloats, far_sums + v * kLanes)), kFloats, far_sums + v * kLanes);
      }
  }
}

// The far sums of tiles where some queries are far and some are not, asked of each key.
void add_far_columns(const RowBlock& block) {
  const hn::RebindToSigned<Floats> ints;
  const BlockPlaces places = places_of(block);
  const std::size_t n_columns = static_cast<std::size_t>(block.n_tiles) * kTileKeys;
  for (int tile = block.first_tile; tile < block.last_tile; ++tile) {
    if (far_in_tile(block, places, block.tiles[tile]) != Far::kSome) continue;
    for (int row = 0; row < block.n_heads * block.n_queries; ++row) {
      const float weight = block.tile_weights[static_cast<std::size_t>(row) * block.n_tiles + tile];
      if (weight == 0) continue;
      const std::int32_t query = block.rows[row].query;
      const std::int64_t limit =
          std::max<std::int64_t>(std::int64_t{block.mask->query_position()[query]} - block.mask->min_distance(),
                                 std::numeric_limits<std::int32_t>::min());
      const auto limits = hn::Set(ints, static_cast<std::int32_t>(limit));
      const auto sequences = hn::Set(ints, block.mask->query_sequence()[query]);
      const float* scores = block.scores + static_cast<std::size_t>(row) * block.score_stride;
      float* far_sums = block.far_sums + block.rows[row].head * n_columns;
      const Vec weights = hn::Set(kFloats, weight);
      for (int key = tile * kTileKeys; key < (tile + 1) * kTileKeys; key += kLanes) {
        const auto too_near = hn::Gt(hn::LoadU(ints, block.key_position + key), limits);
        const auto same = hn::Eq(hn::LoadU(ints, block.key_sequence + key), sequences);
        const Vec attention = hn::Mul(weights, hn::LoadU(kFloats, scores + key));
        const Vec far = hn::IfThenElseZero(hn::RebindMask(kFloats, hn::AndNot(too_near, same)), attention);
        hn::StoreU(hn::Add(far, hn::LoadU(kFloats, far_sums + key)), kFloats, far_sums + key);
      }
    }
  }
}

void add_row_block(const RowBlock& block) {
  const AttentionInputs& in = *block.inputs;
  for (int row = 0; row < block.n_heads * block.n_queries; ++row) {
    const std::int32_t query = block.first_query + row % block.n_queries;
    const VisibleKeys& keys = block.mask->visible()[query];
    block.rows[row] = {query,      row / block.n_queries,   keys.first, keys.last,
                       keys.plain, block.slot_begin[query], kHidden,    0.0};
  }
  const std::int32_t first_slot = block.slot_begin[block.first_query];
  const std::int32_t last_slot = block.slot_begin[block.first_query + block.n_queries];
  std::fill(block.slot_attention + first_slot, block.slot_attention + last_slot, 0.0f);
  std::fill(block.slot_logit + first_slot, block.slot_logit + last_slot, 0.0f);
  pack_queries(block, in.logit_softcap == 0 ? in.scale : in.scale / in.logit_softcap);
  make_scores(block);
  normalise(block);
  add_columns(block);
  add_far_columns(block);
}

float sum_of_squares(const void* vector, ElementType type, int n) {
  float sum = 0;
  int i = 0;
  with_type(vector, type, [&](const auto* from) HWY_ATTR {
    Vec sums = hn::Zero(kFloats);
    for (; i + kLanes <= n; i += kLanes) {
      const Vec x = load_as_float(from + i);
      sums = hn::MulAdd(x, x, sums);
    }
    sum = hn::GetLane(hn::SumOfLanes(kFloats, sums));
  });
  for (; i < n; ++i) {
    const float x = element(vector, type, static_cast<std::size_t>(i));
    sum += x * x;
  }
  return sum;
}

}  // namespace
}  // namespace sinkscope::attention_kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope::attention_kernel {

HWY_EXPORT(add_row_block);
HWY_EXPORT(pack_keys);
HWY_EXPORT(sum_of_squares);

void add_row_block(const RowBlock& block) { HWY_DYNAMIC_DISPATCH(add_row_block)(block); }

void pack_keys(const HeadVectors& keys, int kv_head, int head_dim, int first_key, int n_keys, float* panels) {
  HWY_DYNAMIC_DISPATCH(pack_keys)(keys, kv_head, head_dim, first_key, n_keys, panels);
}

float sum_of_squares(const void* vector, ElementType type, int n) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares)(vector, type, n);
}

}  // namespace sinkscope::attention_kernel
#endif
