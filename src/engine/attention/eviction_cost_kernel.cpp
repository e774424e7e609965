// Scalable vectors cannot be held in arrays, as the accumulators are.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/attention/eviction_cost_kernel.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <hwy/highway.h>

#include "engine/attention/eviction_cost_kernel.h"
#include "engine/attention/float_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sinkscope::attention_kernel::HWY_NAMESPACE {
namespace {

static_assert(kPaddedKeys % kLanes == 0);

void add_eviction_rows(const float* const* outputs, const float* HWY_RESTRICT values,
                       const float* HWY_RESTRICT attention, int value_dim, std::size_t stride, int first, int last,
                       float most_attention, float* HWY_RESTRICT cost, float* HWY_RESTRICT left_out) {
  const Vec one = hn::Set(kFloats, 1.0f), most = hn::Set(kFloats, most_attention);
  for (int key = first; key < last; key += kLanes) {
    Vec distance[kEvictionRows];
#pragma GCC unroll 8
    for (int row = 0; row < kEvictionRows; ++row) distance[row] = hn::Zero(kFloats);
    for (int j = 0; j < value_dim; ++j) {
      const Vec value = hn::LoadU(kFloats, values + static_cast<std::size_t>(j) * stride + key);
#pragma GCC unroll 8
      for (int row = 0; row < kEvictionRows; ++row) {
        const Vec step = hn::Sub(value, hn::Set(kFloats, outputs[row][j]));
        distance[row] = hn::MulAdd(step, step, distance[row]);
      }
    }
    Vec costs = hn::LoadU(kFloats, cost + key), left = hn::LoadU(kFloats, left_out + key);
#pragma GCC unroll 8
    for (int row = 0; row < kEvictionRows; ++row) {
      const Vec p = hn::LoadU(kFloats, attention + static_cast<std::size_t>(row) * stride + key);
      const Vec odds = hn::Div(p, hn::Sub(one, p));
      const auto too_large = hn::Gt(p, most);
      costs = hn::Add(costs, hn::IfThenZeroElse(too_large, hn::Mul(hn::Mul(odds, odds), distance[row])));
      left = hn::Add(left, hn::IfThenElseZero(too_large, one));
    }
    hn::StoreU(costs, kFloats, cost + key);
    hn::StoreU(left, kFloats, left_out + key);
  }
}

}  // namespace
}  // namespace sinkscope::attention_kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope::attention_kernel {

HWY_EXPORT(add_eviction_rows);

void add_eviction_rows(const float* const* outputs, const float* values, const float* attention, int value_dim,
                       std::size_t stride, int first, int last, float most_attention, float* cost, float* left_out) {
  HWY_DYNAMIC_DISPATCH(add_eviction_rows)
  (outputs, values, attention, value_dim, stride, first, last, most_attention, cost, left_out);
}

}  // namespace sinkscope::attention_kernel
#endif
