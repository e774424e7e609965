// Products of queries and keys for one instruction set, and the order in which they read both. Included once for
// each target, as float_vectors-inl.h is.

#if defined(SINKSCOPE_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SINKSCOPE_PRODUCT_INL_H
#undef SINKSCOPE_PRODUCT_INL_H
#else
#define SINKSCOPE_PRODUCT_INL_H
#endif

#include <algorithm>
#include <cstddef>

#include "engine/attention/column_sums_kernel.h"
#include "engine/attention/float_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sinkscope::attention_kernel::HWY_NAMESPACE {
namespace {

// A panel is what the product reads of the keys at a time, two vectors; rows x 2 accumulators fill the registers.
constexpr int kPanelKeys = 2 * kLanes;
#if HWY_TARGET == HWY_SCALAR
constexpr int kProductRows = 4;
#elif HWY_TARGET <= HWY_AVX3 || !HWY_ARCH_X86
constexpr int kProductRows = 12;  // of 32 registers
#else
constexpr int kProductRows = 6;  // of 16
#endif
static_assert(kTileKeys % kPanelKeys == 0 && kMaxProductRows % kProductRows == 0);

void pack_keys(const HeadVectors& keys, int kv_head, int head_dim, int first_key, int n_keys, float* panels) {
  constexpr int kDims = 64;
  float rows[kPanelKeys][kDims];
  for (int panel = 0; panel < kTileKeys; panel += kPanelKeys) {
    float* to = panels + static_cast<std::size_t>(panel) * head_dim;
    for (int dim = 0; dim < head_dim; dim += kDims) {
      const int n_dims = std::min(kDims, head_dim - dim);
      for (int i = 0; i < kPanelKeys; ++i) {
        const int key = first_key + panel + i;
        if (key < n_keys) {
          convert(keys.row(key, kv_head), keys.type, dim, n_dims, rows[i]);
        } else {
          std::fill_n(rows[i], n_dims, 0.0f);
        }
      }
      for (int d = 0; d < n_dims; ++d)
        for (int i = 0; i < kPanelKeys; ++i) to[(dim + d) * kPanelKeys + i] = rows[i][d];
    }
  }
}

// scores[row, key] = packed_queries[row] . panel[key] for the keys of one panel.
//
// packed_queries  [head_dim, kProductRows], of which the first kRows rows are taken
// panel           [head_dim, kPanelKeys]
template <int kRows>
HWY_INLINE void multiply(const float* HWY_RESTRICT packed_queries, const float* HWY_RESTRICT panel, int head_dim,
                         float* HWY_RESTRICT scores, std::size_t score_stride) {
  Vec sums[kRows][2];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = hn::Zero(kFloats);
  for (int d = 0; d < head_dim; ++d) {
    const Vec key0 = hn::LoadU(kFloats, panel), key1 = hn::LoadU(kFloats, panel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec query = hn::Set(kFloats, packed_queries[r]);
      sums[r][0] = hn::MulAdd(query, key0, sums[r][0]);
      sums[r][1] = hn::MulAdd(query, key1, sums[r][1]);
    }
    packed_queries += kProductRows;
    panel += kPanelKeys;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    hn::StoreU(sums[r][0], kFloats, scores + r * score_stride);
    hn::StoreU(sums[r][1], kFloats, scores + r * score_stride + kLanes);
  }
}

HWY_INLINE void multiply_rows(int n_rows, const float* packed_queries, const float* panel, int head_dim, float* scores,
                              std::size_t score_stride) {
  if constexpr (kProductRows == 12) {
    if (n_rows <= 4) return multiply<4>(packed_queries, panel, head_dim, scores, score_stride);
    if (n_rows <= 8) return multiply<8>(packed_queries, panel, head_dim, scores, score_stride);
  }
  multiply<kProductRows>(packed_queries, panel, head_dim, scores, score_stride);
}

// Queries, times the scale, in the order of multiply: [group of kProductRows rows, head_dim, kProductRows].
void pack_queries(const RowBlock& block, float scale) {
  const AttentionInputs& in = *block.inputs;
  const int n_rows = block.n_heads * block.n_queries;
  for (int row = 0; row < rounded_up(n_rows, kProductRows); ++row) {
    float* to = block.packed_queries + static_cast<std::size_t>(row / kProductRows) * kProductRows * in.head_dim +
                row % kProductRows;
    if (row >= n_rows) {
      for (int d = 0; d < in.head_dim; ++d) to[d * kProductRows] = 0;
      continue;
    }
    const float* from = static_cast<const float*>(
        in.queries.row(block.first_query + row % block.n_queries, block.first_head + row / block.n_queries));
    for (int d = 0; d < in.head_dim; ++d) to[d * kProductRows] = from[d] * scale;
  }
}

}  // namespace
}  // namespace sinkscope::attention_kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
