#include "engine/attention/eviction_cost.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/attention/column_sums_kernel.h"
#include "engine/attention/eviction_cost_kernel.h"

namespace sinkscope {
namespace {

using attention_kernel::kEvictionRows;
using attention_kernel::kPaddedKeys;
using attention_kernel::rounded_up;

constexpr int kChunk = 64;  // queries whose costs are added in float32
static_assert(kChunk % kEvictionRows == 0);

// To the nearest bf16, of two equally near the even one, as the device rounds.
float as_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16 & 1U)) & 0xFFFF0000U);
}

}  // namespace

// Keys of a sequence lie together, in the order of their positions, and so do its queries.
void EvictionCost::find_far(const AttentionMask& mask, std::span<const std::int32_t> watched) {
  const auto n_queries = static_cast<std::size_t>(mask.n_queries());
  first_.assign(n_queries, 0);
  last_.assign(n_queries, 0);
  far_queries_.assign(watched.size(), 0);
  const auto in_sequence = [&](std::int32_t sequence) {
    return
        [&mask, sequence](std::int32_t key) { return mask.key_sequence()[static_cast<std::size_t>(key)] == sequence; };
  };
  std::span<const std::int32_t> own;  // the watched keys of the query's sequence
  std::size_t own_first = 0;
  for (std::size_t query = 0; query < n_queries; ++query) {
    const std::int32_t sequence = mask.query_sequence()[query];
    if (query == 0 || sequence != mask.query_sequence()[query - 1]) {
      const auto first = std::ranges::find_if(watched, in_sequence(sequence));
      const auto last = std::find_if_not(first, watched.end(), in_sequence(sequence));
      own_first = static_cast<std::size_t>(first - watched.begin());
      own = watched.subspan(own_first, static_cast<std::size_t>(last - first));
    }
    const std::int32_t latest = mask.query_position()[query] - mask.min_distance();
    const VisibleKeys& seen = mask.visible()[query];
    const auto first = std::ranges::lower_bound(own, seen.first);
    const auto last = std::find_if(first, own.end(), [&](std::int32_t key) {
      return key >= seen.last || mask.key_position()[static_cast<std::size_t>(key)] > latest;
    });
    first_[query] = static_cast<std::int32_t>(own_first) + static_cast<std::int32_t>(first - own.begin());
    last_[query] = static_cast<std::int32_t>(own_first) + static_cast<std::int32_t>(last - own.begin());
    for (auto key = first; key != last; ++key) {
      const bool sees = seen.plain || mask.sees(static_cast<int>(query), *key);
      far_queries_[own_first + static_cast<std::size_t>(key - own.begin())] += sees;
    }
  }
}

void EvictionCost::load_values(const EvictionInputs& in, std::span<const std::int32_t> watched, std::size_t stride,
                               int n_threads) {
  const auto dim = static_cast<std::size_t>(in.value_dim);
  values_.assign(static_cast<std::size_t>(in.n_kv_heads) * dim * stride, 0.0F);
  parallel_for(in.n_kv_heads, n_threads, [&](std::int64_t head, int) {
    float* to = values_.data() + static_cast<std::size_t>(head) * dim * stride;
    for (std::size_t k = 0; k < watched.size(); ++k) {
      const void* from = in.values.row(watched[k], static_cast<int>(head));
      for (std::size_t j = 0; j < dim; ++j) {
        const float value = element(from, in.values.type, j);
        to[j * stride + k] = in.rounded_to_bf16 ? as_bf16(value) : value;
      }
    }
  });
}

void EvictionCost::add_chunk(const EvictionInputs& in, int head, int chunk, std::size_t n_watched, std::size_t stride,
                             double* cost, std::int32_t* left_out) const {
  const int n_queries = static_cast<int>(first_.size()), kv_head = head / (in.n_heads / in.n_kv_heads);
  const float* values =
      values_.data() + static_cast<std::size_t>(kv_head) * static_cast<std::size_t>(in.value_dim) * stride;
  std::vector<float> scratch((2 + kEvictionRows) * stride, 0.0F);
  float *costs = scratch.data(), *lefts = costs + stride, *attention = lefts + stride;
  const int end = std::min(n_queries, (chunk + 1) * kChunk);
  for (int query = chunk * kChunk; query < end; query += kEvictionRows) {
    std::array<const float*, kEvictionRows> outputs;
    int first = static_cast<int>(n_watched), last = 0;
    std::fill_n(attention, kEvictionRows * stride, 0.0F);
    for (int row = 0; row < kEvictionRows; ++row) {
      // Rows beyond the last query give nothing to any key.
      const int q = std::min(query + row, end - 1);
      outputs[static_cast<std::size_t>(row)] = static_cast<const float*>(in.outputs.row(q, head));
      const auto i = static_cast<std::size_t>(q);
      if (query + row >= end || first_[i] >= last_[i]) continue;
      first = std::min(first, first_[i]);
      last = std::max(last, last_[i]);
      const float* from = in.attention + (static_cast<std::size_t>(head) * first_.size() + i) * n_watched;
      std::copy(from + first_[i], from + last_[i], attention + static_cast<std::size_t>(row) * stride + first_[i]);
    }
    if (first >= last) continue;
    attention_kernel::add_eviction_rows(outputs.data(), values, attention, in.value_dim, stride,
                                        first / kPaddedKeys * kPaddedKeys, rounded_up(last, kPaddedKeys),
                                        in.most_attention, costs, lefts);
  }
  for (std::size_t k = 0; k < n_watched; ++k) {
    cost[k] = static_cast<double>(costs[k]);
    left_out[k] = static_cast<std::int32_t>(lefts[k]);
  }
}

EvictionCosts EvictionCost::compute(const EvictionInputs& in, const AttentionMask& mask,
                                    std::span<const std::int32_t> watched, int n_threads) {
  if (in.n_kv_heads < 1 || in.n_heads % in.n_kv_heads != 0 || in.outputs.type != ElementType::kF32) {
    throw Error(ErrorCode::kModel, "eviction cost: expected float32 outputs of a multiple of the KV heads, got " +
                                       std::to_string(in.n_heads) + " heads of " + std::to_string(in.n_kv_heads) +
                                       " KV heads; this is a fault of sinkscope or an unknown kind of attention");
  }
  const std::size_t n_watched = watched.size(), n_heads = static_cast<std::size_t>(in.n_heads);
  const auto stride = static_cast<std::size_t>(rounded_up(static_cast<int>(n_watched), kPaddedKeys));
  const int n_chunks = rounded_up(mask.n_queries(), kChunk) / kChunk;
  find_far(mask, watched);
  load_values(in, watched, stride, n_threads);
  const std::size_t n_sums = n_heads * n_watched;
  cost_of_chunk_.resize(n_sums * static_cast<std::size_t>(n_chunks));
  left_out_of_chunk_.resize(cost_of_chunk_.size());
  parallel_for(static_cast<std::int64_t>(in.n_heads) * n_chunks, n_threads, [&](std::int64_t i, int) {
    const int head = static_cast<int>(i) % in.n_heads, chunk = static_cast<int>(i) / in.n_heads;
    const std::size_t at = static_cast<std::size_t>(i) * n_watched;
    add_chunk(in, head, chunk, n_watched, stride, cost_of_chunk_.data() + at, left_out_of_chunk_.data() + at);
  });
  cost_.assign(n_sums, 0.0);
  left_out_.assign(n_sums, 0);
  for (std::size_t i = 0; i < cost_of_chunk_.size(); ++i) {
    cost_[i % n_sums] += cost_of_chunk_[i];
    left_out_[i % n_sums] += left_out_of_chunk_[i];
  }
  return {{cost_.data(), n_heads, n_watched}, {left_out_.data(), n_heads, n_watched}, far_queries_};
}

}  // namespace sinkscope
