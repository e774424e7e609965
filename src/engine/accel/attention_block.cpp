// One block of queries on its way through its tiles of keys.
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "base/index.h"
#include "engine/accel/attention_workspace.h"
#include "engine/accel/numbers.h"

namespace sinkscope::accel {
namespace {

// A row whose weights sum to more than this is made anew with a larger shift; the largest weight is exp(88).
constexpr float kTooLarge = 1e30f;

}  // namespace

// [heads_at_once, queries_in_block] rows; those beyond the block's queries are 0.
void FlashAttention::Workspace::load_queries(const AttentionBlock& block, int first_head, Scratch& scratch) const {
  const ggml_tensor* query = shape.query;
  const std::size_t row_bytes = index(shape.key_dim) * bytes_of(number);
  unsigned char* to = scratch.queries.data();
  for (int h = 0; h < heads_at_once; ++h) {
    for (int i = 0; i < queries_in_block; ++i, to += row_bytes) {
      if (i >= block.n_queries) {
        std::memset(to, 0, row_bytes);
        continue;
      }
      const char* data = static_cast<const char*>(query->data) + index(block.first_query + i) * query->nb[1] +
                         index(first_head + h) * query->nb[2] + index(shape.stream) * query->nb[3];
      from_float32(reinterpret_cast<const float*>(data), shape.key_dim, number, to);
    }
  }
}

// What a row holds so far, times a factor.
void FlashAttention::Workspace::rescale_row(const AttentionBlock& block, int row, int tile_first, float factor,
                                            Scratch& scratch) const {
  for (int t = block.first; t < tile_first; t += kTileKeys) {
    const int width = tile_width(block, t);
    kernels.scale(tile_weights(scratch, block, t) + index(row) * index(width) * bytes_of(number), number, width,
                  factor);
  }
  for (int p = 0; p < n_panels; ++p) {
    float* outputs =
        scratch.outputs.data() + index(p) * index(rows_in_block()) * kBlockColumns + index(row) * index(panel_width(p));
    for (int i = 0; i < panel_width(p); ++i) outputs[i] *= factor;
  }
  scratch.total[index(row)] *= factor;
}

// Turns the products of one row and tile into weights, exp(logit - the row's shift).
void FlashAttention::Workspace::make_weights(const AttentionBlock& block, int row, const AttentionRow& keys,
                                             float slope, float sink, int tile_first, Scratch& scratch) const {
  const int width = tile_width(block, tile_first);
  const int first = std::clamp(keys.first - tile_first, 0, width), last = std::clamp(keys.last - tile_first, 0, width);
  float* scores = scratch.scores.data() + index(row) * index(width);
  unsigned char* weights = tile_weights(scratch, block, tile_first) + index(row) * index(width) * bytes_of(number);
  float scale = shape.scale;
  if (first < last && (shape.softcap != 0 || !keys.plain)) {
    const int query = block.first_query + row % queries_in_block;
    const std::uint16_t* mask = nullptr;
    if (!keys.plain) {
      const char* data = static_cast<const char*>(shape.mask->data) + index(query) * shape.mask->nb[1] +
                         index(shape.stream % shape.mask->ne[3]) * shape.mask->nb[3];
      mask = reinterpret_cast<const std::uint16_t*>(data) + tile_first;
      if (tile_first + width > shape.mask->ne[0]) {  // whole vectors are read
        std::copy_n(mask, shape.mask->ne[0] - tile_first, scratch.mask_row.data());
        mask = scratch.mask_row.data();
      }
    }
    kernels.make_logits(scores, first, last, shape.scale, shape.softcap, slope, mask);
    scale = 1;
  }
  float& shift = scratch.largest[index(row)];
  if (first < last && shift == kUnseen) {
    shift = scale * kernels.largest(scores, first, last);
    if (shift != kUnseen) shift = std::max(shift, sink);
  }
  if (first >= last || shift == kUnseen) {
    std::memset(weights, 0, index(width) * bytes_of(number));
    return;
  }
  float sum = kernels.exponentials(scores, first, last, width, scale, shift, number, weights);
  if (sum > kTooLarge) {
    const float larger = std::max(shift, scale * kernels.largest(scores, first, last));
    rescale_row(block, row, tile_first, std::exp(shift - larger), scratch);
    shift = larger;
    sum = kernels.exponentials(scores, first, last, width, scale, shift, number, weights);
  }
  scratch.total[index(row)] += sum;
}

void FlashAttention::Workspace::soften_tile(const AttentionBlock& block, int first_head, int tile_first,
                                            Scratch& scratch) const {
  const AttentionRow nothing;
  for (int h = 0; h < heads_at_once; ++h) {
    const float slope = alibi_slope(shape.max_bias, shape.n_heads, first_head + h);
    const float sink = shape.sinks ? shape.sinks[first_head + h] : kUnseen;
    for (int i = 0; i < queries_in_block; ++i) {
      const AttentionRow& keys = i < block.n_queries ? rows[index(block.first_query + i)] : nothing;
      make_weights(block, h * queries_in_block + i, keys, slope, sink, tile_first, scratch);
    }
  }
}

// The watched keys that lie in [first, last): their places in the question.
struct WatchedRange {
  int first, last;
};

static WatchedRange watched_between(std::span<const std::int32_t> watched, int first, int last) {
  return {static_cast<int>(std::lower_bound(watched.begin(), watched.end(), first) - watched.begin()),
          static_cast<int>(std::lower_bound(watched.begin(), watched.end(), last) - watched.begin())};
}

void FlashAttention::Workspace::watch_logits(const AttentionBlock& block, int watch_slot, int tile_first,
                                             const Scratch& scratch) {
  const int width = tile_width(block, tile_first);
  const WatchedRange range = watched_between(question->watched, tile_first, tile_first + width);
  if (range.first == range.last) return;
  for (int h = 0; h < heads_at_once; ++h) {
    for (int i = 0; i < block.n_queries; ++i) {
      const int query = block.first_query + i;
      const AttentionRow& keys = rows[index(query)];
      const float scale = shape.softcap != 0 || !keys.plain ? 1.0f : shape.scale;
      const float* scores = scratch.scores.data() + index(h * queries_in_block + i) * index(width);
      float* sums_of_query =
          watched_logits.data() + (index(watch_slot) * index(shape.n_queries) + index(query)) * index(n_watched);
      for (int w = range.first; w < range.last; ++w) {
        const std::int32_t key = question->watched[index(w)];
        if (key < keys.first || key >= keys.last) continue;
        const float score = scores[key - tile_first];
        if (score != kUnseen) sums_of_query[w] += scale * score;
      }
    }
  }
}

void FlashAttention::Workspace::watch_attention(const AttentionBlock& block, int watch_slot, int first_head,
                                                Scratch& scratch) {
  for (int t = block.first; t < block.last; t += kTileKeys) {
    const int width = tile_width(block, t);
    const WatchedRange range = watched_between(question->watched, t, t + width);
    if (range.first == range.last) continue;
    const unsigned char* tile = tile_weights(scratch, block, t);
    for (int h = 0; h < heads_at_once; ++h) {
      for (int i = 0; i < block.n_queries; ++i) {
        const int row = h * queries_in_block + i;
        const std::size_t query = index(block.first_query + i), first = index(row) * index(width);
        float* sums_of_query =
            watched_weights.data() + (index(watch_slot) * index(shape.n_queries) + query) * index(n_watched);
        float* of_head =
            question->by_head
                ? watched_by_head.data() + (index(first_head + h) * index(shape.n_queries) + query) * index(n_watched)
                : nullptr;
        for (int w = range.first; w < range.last; ++w) {
          const std::size_t at = first + index(question->watched[index(w)] - t);
          const float weight = element(tile, number == Number::kF32 ? ElementType::kF32 : ElementType::kBF16, at);
          const float attention = weight * scratch.inverse[index(row)];
          sums_of_query[w] += attention;
          if (of_head) of_head[w] = attention;
        }
      }
    }
  }
}

// The normaliser of each row, with what a learned sink logit takes.
void FlashAttention::Workspace::finish_rows(int block_index, int first_head, Scratch& scratch) {
  const AttentionBlock& block = attention_blocks[index(block_index)];
  for (int h = 0; h < heads_at_once; ++h) {
    double taken = 0;
    for (int i = 0; i < block.n_queries; ++i) {
      const std::size_t row = index(h * queries_in_block + i);
      float& total = scratch.total[row];
      float& inverse = scratch.inverse[row];
      inverse = 0;
      if (scratch.largest[row] == kUnseen) continue;
      const float sink = shape.sinks ? std::exp(shape.sinks[first_head + h] - scratch.largest[row]) : 0.0f;
      total += sink;
      inverse = 1.0f / total;
      taken += static_cast<double>(sink) / static_cast<double>(total);
    }
    if (question) learned[index(first_head + h) * attention_blocks.size() + index(block_index)] = taken;
  }
}

void FlashAttention::Workspace::sum_columns(const AttentionBlock& block, int first_head, Scratch& scratch) {
  const int span = block.last - block.first;
  for (int h = 0; h < heads_at_once; ++h) {
    const std::size_t first_row = index(h) * index(queries_in_block);
    float* columns = scratch.columns.data() + index(h) * index(span);
    float* far_columns = scratch.far_columns.data() + index(h) * index(span);
    for (int t = block.first; t < block.last; t += kTileKeys) {
      const int width = tile_width(block, t);
      for (int i = 0; i < block.n_queries; ++i)
        scratch.far_last[index(i)] = std::clamp(rows[index(block.first_query + i)].far_last - t, 0, width);
      kernels.column_sums(tile_weights(scratch, block, t) + first_row * index(width) * bytes_of(number), number,
                          block.n_queries, width, scratch.inverse.data() + first_row, scratch.far_last.data(),
                          columns + (t - block.first), far_columns + (t - block.first));
    }
    const std::size_t head = index(first_head + h - first_total), at = head * index(key_stride) + index(block.first);
    const std::lock_guard lock(head_locks[head % kHeadLocks]);
    kernels.add_exactly(columns, span, totals.data() + at);
    kernels.add_exactly(far_columns, span, far_totals.data() + at);
  }
}

void FlashAttention::Workspace::store(const AttentionBlock& block, int first_head, const Scratch& scratch) const {
  for (int h = 0; h < heads_at_once; ++h) {
    for (int i = 0; i < block.n_queries; ++i) {
      const int row = h * queries_in_block + i;
      const float inverse = scratch.inverse[index(row)];
      auto* to = reinterpret_cast<float*>(shape.result) +
                 (index(block.first_query + i) * index(shape.n_heads) + index(first_head + h)) * index(shape.value_dim);
      for (int p = 0; p < n_panels; ++p, to += kBlockColumns) {
        const float* from = scratch.outputs.data() + index(p) * index(rows_in_block()) * kBlockColumns +
                            index(row) * index(panel_width(p));
        for (int d = 0; d < panel_width(p); ++d) to[d] = from[d] * inverse;
      }
    }
  }
}

bool FlashAttention::Workspace::run_block(int block_index, int kv_head, int slot, int chunk, int thread) {
  const AttentionBlock& block = attention_blocks[index(block_index)];
  Scratch& scratch = scratches[index(thread)];
  const int n_rows = rows_in_block();
  const int first_head = (kv_head * chunks_of_heads + chunk) * heads_at_once;
  const int watch_slot = kv_head * chunks_of_heads + chunk;
  const unsigned char* keys = packed_keys.data() + index(slot) * key_bytes;
  const unsigned char* values = packed_values.data() + index(slot) * value_bytes;
  std::fill_n(scratch.largest.begin(), n_rows, kUnseen);
  std::fill_n(scratch.total.begin(), n_rows, 0.0f);
  std::fill_n(scratch.outputs.begin(), index(n_rows) * index(shape.value_dim), 0.0f);
  load_queries(block, first_head, scratch);
  bool fine = true;
  for (int t = block.first; t < block.last; t += kTileKeys) {
    const int width = tile_width(block, t), width_index = width / kBlockColumns - 1, key = t - first_key;
    const unsigned char* tile_keys = keys + index(key) * index(packed_key_dim) * bytes_of(number);
    fine &= score_products[index(width_index)]->run(thread, scratch.queries.data(), tile_keys, scratch.scores.data());
    soften_tile(block, first_head, t, scratch);
    if (question && n_watched > 0) watch_logits(block, watch_slot, t, scratch);
    for (int p = 0; p < n_panels; ++p) {
      const std::size_t column =
          blocks ? (index(p) * index(n_packed) + index(key)) * kBlockColumns : index(key) * index(shape.value_dim);
      fine &= value_products[p == n_panels - 1][index(width_index)]->run(
          thread, tile_weights(scratch, block, t), values + column * bytes_of(number),
          scratch.outputs.data() + index(p) * index(n_rows) * kBlockColumns);
    }
  }
  finish_rows(block_index, first_head, scratch);
  store(block, first_head, scratch);
  if (question) {
    sum_columns(block, first_head, scratch);
    if (n_watched > 0) watch_attention(block, watch_slot, first_head, scratch);
  }
  return fine;
}

}  // namespace sinkscope::accel
