#include "measure/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "measure/kernels.cpp"
#include <hwy/foreach_target.h>
// Highway asks for this order: foreach_target.h comes first.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace sinkscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;

// Lanes of one vector's products; each member is a register.
struct Sums {
  Vec norm, d0, d1, d2, d3, d4, d5, d6, d7;
};

HWY_INLINE Sums zero_sums() {
  const Vec zero = hn::Zero(Tag());
  return {zero, zero, zero, zero, zero, zero, zero, zero, zero};
}

// Loads lanes [i, i + N), the last ones short of `width` as zeros.
template <bool kTail>
HWY_INLINE Vec load(const float* from, std::size_t i, std::size_t width) {
  const Tag d;
  if constexpr (kTail) return hn::MaskedLoad(hn::FirstN(d, width - i), d, from + i);
  return hn::LoadU(d, from + i);
}

template <bool kTail>
HWY_INLINE void store(Vec value, float* to, std::size_t i, std::size_t width) {
  const Tag d;
  if constexpr (kTail) {
    hn::BlendedStore(value, hn::FirstN(d, width - i), d, to + i);
  } else {
    hn::StoreU(value, d, to + i);
  }
}

template <bool kTail>
HWY_INLINE void add_products(Vec x, const float* candidates, std::size_t stride, std::size_t i, std::size_t width,
                             Sums& sums) {
  sums.norm = hn::MulAdd(x, x, sums.norm);
  sums.d0 = hn::MulAdd(x, load<kTail>(candidates, i, width), sums.d0);
  sums.d1 = hn::MulAdd(x, load<kTail>(candidates + stride, i, width), sums.d1);
  sums.d2 = hn::MulAdd(x, load<kTail>(candidates + 2 * stride, i, width), sums.d2);
  sums.d3 = hn::MulAdd(x, load<kTail>(candidates + 3 * stride, i, width), sums.d3);
  sums.d4 = hn::MulAdd(x, load<kTail>(candidates + 4 * stride, i, width), sums.d4);
  sums.d5 = hn::MulAdd(x, load<kTail>(candidates + 5 * stride, i, width), sums.d5);
  sums.d6 = hn::MulAdd(x, load<kTail>(candidates + 6 * stride, i, width), sums.d6);
  sums.d7 = hn::MulAdd(x, load<kTail>(candidates + 7 * stride, i, width), sums.d7);
}

HWY_INLINE float lanes_sum(Vec v) { return hn::GetLane(hn::SumOfLanes(Tag(), v)); }

HWY_INLINE RowProducts totals(const Sums& sums) {
  return {lanes_sum(sums.norm),
          {lanes_sum(sums.d0), lanes_sum(sums.d1), lanes_sum(sums.d2), lanes_sum(sums.d3), lanes_sum(sums.d4),
           lanes_sum(sums.d5), lanes_sum(sums.d6), lanes_sum(sums.d7)}};
}

// Calls step(i, tail) for each group of lanes, where tail is true_type for an incomplete last one.
template <typename Step>
HWY_INLINE void for_lanes(std::size_t width, Step step) {
  const std::size_t lanes = hn::Lanes(Tag());
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) step(i, std::false_type());
  if (i < width) step(i, std::true_type());
}

RowProducts row_products_simd(const float* HWY_RESTRICT row, const float* HWY_RESTRICT candidates, std::size_t stride,
                              std::size_t width) {
  Sums sums = zero_sums();
  for_lanes(width, [&](std::size_t i, auto tail) HWY_ATTR {
    constexpr bool kTail = decltype(tail)::value;
    add_products<kTail>(load<kTail>(row, i, width), candidates, stride, i, width, sums);
  });
  return totals(sums);
}

RowProducts shifted_row_products_simd(const float* HWY_RESTRICT row, const float* HWY_RESTRICT origin,
                                      const float* HWY_RESTRICT candidates, std::size_t stride, std::size_t width) {
  Sums sums = zero_sums();
  for_lanes(width, [&](std::size_t i, auto tail) HWY_ATTR {
    constexpr bool kTail = decltype(tail)::value;
    const Vec x = hn::Sub(load<kTail>(row, i, width), load<kTail>(origin, i, width));
    add_products<kTail>(x, candidates, stride, i, width, sums);
  });
  return totals(sums);
}

BlockProducts block_products_simd(const float* HWY_RESTRICT state, float* HWY_RESTRICT running,
                                  const float* HWY_RESTRICT candidates, std::size_t stride, std::size_t width) {
  Sums of_state = zero_sums();
  Sums of_write = zero_sums();
  for_lanes(width, [&](std::size_t i, auto tail) HWY_ATTR {
    constexpr bool kTail = decltype(tail)::value;
    const Vec x = load<kTail>(state, i, width);
    const Vec w = hn::Sub(x, load<kTail>(running, i, width));
    store<kTail>(x, running, i, width);
    add_products<kTail>(x, candidates, stride, i, width, of_state);
    add_products<kTail>(w, candidates, stride, i, width, of_write);
  });
  return {totals(of_state), totals(of_write)};
}

float step_squared_norm_simd(const float* HWY_RESTRICT state, float* HWY_RESTRICT running, std::size_t width) {
  Vec sum = hn::Zero(Tag());
  for_lanes(width, [&](std::size_t i, auto tail) HWY_ATTR {
    constexpr bool kTail = decltype(tail)::value;
    const Vec x = load<kTail>(state, i, width);
    const Vec step = hn::Sub(x, load<kTail>(running, i, width));
    store<kTail>(x, running, i, width);
    sum = hn::MulAdd(step, step, sum);
  });
  return lanes_sum(sum);
}

float add_and_sum_simd(const float* HWY_RESTRICT values, float* HWY_RESTRICT total, std::size_t width) {
  Vec sum = hn::Zero(Tag());
  for_lanes(width, [&](std::size_t i, auto tail) HWY_ATTR {
    constexpr bool kTail = decltype(tail)::value;
    const Vec x = load<kTail>(values, i, width);
    store<kTail>(hn::Add(x, load<kTail>(total, i, width)), total, i, width);
    sum = hn::Add(sum, x);
  });
  return lanes_sum(sum);
}

}  // namespace HWY_NAMESPACE
}  // namespace sinkscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope {

HWY_EXPORT(row_products_simd);
HWY_EXPORT(shifted_row_products_simd);
HWY_EXPORT(block_products_simd);
HWY_EXPORT(step_squared_norm_simd);
HWY_EXPORT(add_and_sum_simd);

RowProducts row_products(const float* row, MatrixView<const float> candidates) {
  return HWY_DYNAMIC_DISPATCH(row_products_simd)(row, candidates.data(), candidates.stride(), candidates.cols());
}

RowProducts shifted_row_products(const float* row, const float* origin, MatrixView<const float> candidates) {
  return HWY_DYNAMIC_DISPATCH(shifted_row_products_simd)(row, origin, candidates.data(), candidates.stride(),
                                                         candidates.cols());
}

BlockProducts block_products(const float* state, float* running, MatrixView<const float> candidates) {
  return HWY_DYNAMIC_DISPATCH(block_products_simd)(state, running, candidates.data(), candidates.stride(),
                                                   candidates.cols());
}

float step_squared_norm(const float* state, float* running, std::size_t width) {
  return HWY_DYNAMIC_DISPATCH(step_squared_norm_simd)(state, running, width);
}

float add_and_sum(std::span<const float> values, float* total) {
  return HWY_DYNAMIC_DISPATCH(add_and_sum_simd)(values.data(), total, values.size());
}

}  // namespace sinkscope
#endif  // HWY_ONCE
