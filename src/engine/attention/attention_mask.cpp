#include "engine/attention/attention_mask.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/parallel.h"

namespace sinkscope {
namespace {

template <typename Bits>
struct Hidden;
template <>
struct Hidden<std::uint32_t> {
  static constexpr std::uint32_t kValue = 0xff800000u, kSign = 0x80000000u;
};
template <>
struct Hidden<std::uint16_t> {  // of f16; bf16 differs
  static constexpr std::uint16_t kValue = 0xfc00u, kSign = 0x8000u;
};
constexpr std::uint16_t kHiddenBf16 = 0xff80u;

// Finds what a row of mask bits shows. The counting loop has no branch, so that it is vectorised.
template <typename Bits>
VisibleKeys visible_in_row(const Bits* row, std::int32_t n_keys, Bits hidden) {
  VisibleKeys keys;
  std::int32_t n_zero = 0;
  for (std::int32_t k = 0; k < n_keys; ++k) {
    keys.count += row[k] != hidden;
    n_zero += static_cast<Bits>(row[k] & static_cast<Bits>(~Hidden<Bits>::kSign)) == 0;
  }
  if (keys.count == 0) return keys;
  while (row[keys.first] == hidden) ++keys.first;
  keys.last = n_keys;
  while (row[keys.last - 1] == hidden) --keys.last;
  keys.plain = n_zero == keys.count && keys.count == keys.last - keys.first;
  return keys;
}

template <typename Bits>
bool hides_padding(const Bits* row, std::int32_t n_keys, std::int32_t n_columns, Bits hidden) {
  return std::all_of(row + n_keys, row + n_columns, [hidden](Bits bits) { return bits == hidden; });
}

// A query, as the counting of a key's numbers takes it.
struct CountedQuery {
  std::int32_t last_far_position, sequence;
  double uniform;  // attention to each key if it were the same to all
};

// Adds one query's share to keys that it sees all of. Without a branch, so that it is vectorised.
void count_query(const CountedQuery& query, std::size_t n, const std::int32_t* __restrict position,
                 const std::int32_t* __restrict sequence, std::int32_t* __restrict queries,
                 std::int32_t* __restrict far_queries, double* __restrict far_uniform) {
  for (std::size_t k = 0; k < n; ++k) {
    const std::int32_t is_far = (position[k] <= query.last_far_position) & (sequence[k] == query.sequence);
    queries[k] += 1;
    far_queries[k] += is_far;
    far_uniform[k] += is_far * query.uniform;
  }
}

[[noreturn]] void refuse_mask(const std::string& expected, const std::string& got) {
  throw Error(ErrorCode::kModel, "attention mask: wrong shape; expected " + expected + "; got " + got +
                                     "; this is a fault of sinkscope or an unknown cache layout");
}

}  // namespace

void AttentionMask::read(const MaskTensor& mask, const AttentionPlaces& places, int min_distance, int n_threads) {
  const std::size_t n_queries = places.query_position.size(), n_keys = places.key_position.size();
  if (places.query_sequence.size() != n_queries || places.key_sequence.size() != n_keys)
    refuse_mask("a sequence for each position", "other lengths");
  if (mask.data && static_cast<std::size_t>(mask.n_columns) < n_keys)
    refuse_mask("at least " + std::to_string(n_keys) + " columns", std::to_string(mask.n_columns));
  static std::atomic<std::uint64_t> reads{0};
  version_ = ++reads;
  mask_ = mask;
  min_distance_ = min_distance;
  query_position_.assign(places.query_position.begin(), places.query_position.end());
  query_sequence_.assign(places.query_sequence.begin(), places.query_sequence.end());
  key_position_.assign(places.key_position.begin(), places.key_position.end());
  key_sequence_.assign(places.key_sequence.begin(), places.key_sequence.end());
  visible_.assign(n_queries, {});
  read_rows(n_threads);
  count_columns(n_threads);
  far_selected_.clear();
  if (mask_.selects) count_selectable(n_threads);
}

void AttentionMask::read_rows(int n_threads) {
  const std::int32_t n_keys = this->n_keys();
  std::atomic<bool> padding_visible{false};
  parallel_for(n_queries(), n_threads, [&](std::int64_t query, int) {
    VisibleKeys& keys = visible_[static_cast<std::size_t>(query)];
    if (!mask_.data) {
      keys = {0, n_keys, n_keys, true};
      return;
    }
    const void* row = static_cast<const char*>(mask_.data) + static_cast<std::size_t>(query) * mask_.row_stride;
    const auto read_as = [&]<typename Bits>(const Bits* bits, Bits hidden) {
      keys = visible_in_row(bits, n_keys, hidden);
      if (!hides_padding(bits, n_keys, mask_.n_columns, hidden)) padding_visible = true;
    };
    if (mask_.type == ElementType::kF32) {
      read_as(static_cast<const std::uint32_t*>(row), Hidden<std::uint32_t>::kValue);
    } else {
      read_as(static_cast<const std::uint16_t*>(row),
              mask_.type == ElementType::kF16 ? Hidden<std::uint16_t>::kValue : kHiddenBf16);
    }
  });
  if (padding_visible) refuse_mask("columns beyond key " + std::to_string(n_keys) + " hidden", "a visible one");
  queries_that_see_ = static_cast<int>(
      std::count_if(visible_.begin(), visible_.end(), [](const VisibleKeys& keys) { return keys.count > 0; }));
}

void AttentionMask::count_columns(int n_threads) {
  const std::size_t n_keys = key_position_.size();
  queries_.assign(n_keys, 0);
  far_queries_.assign(n_keys, 0);
  far_uniform_.assign(n_keys, 0.0);
  // A key's numbers are summed over the queries in their order, whatever thread has the key.
  constexpr std::int64_t kBlock = 1024;
  parallel_for((n_keys + kBlock - 1) / kBlock, n_threads, [&](std::int64_t block, int) {
    const std::int32_t begin = static_cast<std::int32_t>(block * kBlock);
    const std::int32_t end = std::min(begin + static_cast<std::int32_t>(kBlock), this->n_keys());
    for (std::size_t q = 0; q < visible_.size(); ++q) {
      const VisibleKeys& keys = visible_[q];
      const std::int32_t first = std::max(begin, keys.first), last = std::min(end, keys.last);
      if (first >= last) continue;
      const std::int64_t last_far = std::int64_t{query_position_[q]} - min_distance_;
      const CountedQuery query{
          static_cast<std::int32_t>(std::max<std::int64_t>(last_far, std::numeric_limits<std::int32_t>::min())),
          query_sequence_[q], 1.0 / keys.count};
      const auto count = [&](std::int32_t k, std::int32_t n) {
        count_query(query, n, &key_position_[k], &key_sequence_[k], &queries_[k], &far_queries_[k], &far_uniform_[k]);
      };
      if (keys.count == keys.last - keys.first) {
        count(first, last - first);
      } else {
        for_visible_runs(static_cast<int>(q), first, last, count);
      }
    }
  });
}

// Counts again, with each earlier token of the query's sequence as a key that it sees.
void AttentionMask::count_selectable(int n_threads) {
  far_selected_ = far_queries_;
  std::vector<double> uniform(visible_.size());
  const auto could_see = [&](std::size_t q, std::size_t k) {
    return key_sequence_[k] == query_sequence_[q] && key_position_[k] <= query_position_[q];
  };
  parallel_for(n_queries(), n_threads, [&](std::int64_t query, int) {
    const auto q = static_cast<std::size_t>(query);
    std::int32_t n = 0;
    for (std::size_t k = 0; k < key_position_.size(); ++k) n += could_see(q, k);
    uniform[q] = n > 0 ? 1.0 / n : 0;
  });
  parallel_for(n_keys(), n_threads, [&](std::int64_t key, int) {
    const auto k = static_cast<std::size_t>(key);
    queries_[k] = far_queries_[k] = 0;
    far_uniform_[k] = 0;
    for (std::size_t q = 0; q < visible_.size(); ++q) {
      const bool sees = could_see(q, k), is_far = sees && query_position_[q] - key_position_[k] >= min_distance_;
      queries_[k] += sees;
      far_queries_[k] += is_far;
      far_uniform_[k] += is_far ? uniform[q] : 0;
    }
  });
}

// Calls body(first key, number of keys) for each stretch of visible keys in [first, last).
template <typename Body>
void AttentionMask::for_visible_runs(int query, std::int32_t first, std::int32_t last, const Body& body) const {
  const char* row = static_cast<const char*>(mask_.data) + static_cast<std::size_t>(query) * mask_.row_stride;
  const auto walk = [&]<typename Bits>(const Bits* bits, Bits hidden) {
    for (std::int32_t k = first; k < last;) {
      if (bits[k] == hidden) {
        ++k;
        continue;
      }
      const Bits* end = std::find(bits + k, bits + last, hidden);
      const auto n = static_cast<std::int32_t>(end - (bits + k));
      body(k, n);
      k += n;
    }
  };
  if (mask_.type == ElementType::kF32) {
    walk(reinterpret_cast<const std::uint32_t*>(row), Hidden<std::uint32_t>::kValue);
  } else {
    walk(reinterpret_cast<const std::uint16_t*>(row),
         mask_.type == ElementType::kF16 ? Hidden<std::uint16_t>::kValue : kHiddenBf16);
  }
}

bool AttentionMask::sees(int query, int key) const {
  const VisibleKeys& keys = visible_[query];
  if (key < keys.first || key >= keys.last) return false;
  return keys.count == keys.last - keys.first || bias(query, key) != -std::numeric_limits<float>::infinity();
}

float AttentionMask::bias(int query, int key) const {
  if (!mask_.data) return 0;
  const char* row = static_cast<const char*>(mask_.data) + static_cast<std::size_t>(query) * mask_.row_stride;
  return element(row, mask_.type, static_cast<std::size_t>(key));
}

}  // namespace sinkscope
