#include "measure/kernels.h"

// Scalable vectors cannot be members of a class.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

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

HWY_INLINE void add_products(Vec x, const float* candidates, std::size_t stride, Sums& sums) {
  const Tag d;
  sums.norm = hn::MulAdd(x, x, sums.norm);
  sums.d0 = hn::MulAdd(x, hn::LoadU(d, candidates), sums.d0);
  sums.d1 = hn::MulAdd(x, hn::LoadU(d, candidates + stride), sums.d1);
  sums.d2 = hn::MulAdd(x, hn::LoadU(d, candidates + 2 * stride), sums.d2);
  sums.d3 = hn::MulAdd(x, hn::LoadU(d, candidates + 3 * stride), sums.d3);
  sums.d4 = hn::MulAdd(x, hn::LoadU(d, candidates + 4 * stride), sums.d4);
  sums.d5 = hn::MulAdd(x, hn::LoadU(d, candidates + 5 * stride), sums.d5);
  sums.d6 = hn::MulAdd(x, hn::LoadU(d, candidates + 6 * stride), sums.d6);
  sums.d7 = hn::MulAdd(x, hn::LoadU(d, candidates + 7 * stride), sums.d7);
}

HWY_INLINE float lanes_sum(Vec v) { return hn::GetLane(hn::SumOfLanes(Tag(), v)); }

HWY_INLINE RowProducts totals(const Sums& sums) {
  return {lanes_sum(sums.norm),
          {lanes_sum(sums.d0), lanes_sum(sums.d1), lanes_sum(sums.d2), lanes_sum(sums.d3), lanes_sum(sums.d4),
           lanes_sum(sums.d5), lanes_sum(sums.d6), lanes_sum(sums.d7)}};
}

// Elements past the last full vector, one by one: widths that are no multiple of the lanes are rare.
HWY_INLINE void add_products(float x, const float* candidates, std::size_t stride, RowProducts& products) {
  products.squared_norm += x * x;
  for (std::size_t c = 0; c < kPrimaryCandidates; ++c) products.dots[c] += x * candidates[c * stride];
}

RowProducts row_products_simd(const float* HWY_RESTRICT row, const float* HWY_RESTRICT candidates, std::size_t stride,
                              std::size_t width) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  Sums sums = zero_sums();
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) add_products(hn::LoadU(d, row + i), candidates + i, stride, sums);
  RowProducts products = totals(sums);
  for (; i < width; ++i) add_products(row[i], candidates + i, stride, products);
  return products;
}

RowProducts shifted_row_products_simd(const float* HWY_RESTRICT row, const float* HWY_RESTRICT origin,
                                      const float* HWY_RESTRICT candidates, std::size_t stride, std::size_t width) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  Sums sums = zero_sums();
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    add_products(hn::Sub(hn::LoadU(d, row + i), hn::LoadU(d, origin + i)), candidates + i, stride, sums);
  }
  RowProducts products = totals(sums);
  for (; i < width; ++i) add_products(row[i] - origin[i], candidates + i, stride, products);
  return products;
}

BlockProducts block_products_simd(const float* HWY_RESTRICT state, float* HWY_RESTRICT running,
                                  const float* HWY_RESTRICT candidates, std::size_t stride, std::size_t width) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  Sums of_state = zero_sums();
  Sums of_write = zero_sums();
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    const Vec x = hn::LoadU(d, state + i);
    const Vec write = hn::Sub(x, hn::LoadU(d, running + i));
    hn::StoreU(x, d, running + i);
    add_products(x, candidates + i, stride, of_state);
    add_products(write, candidates + i, stride, of_write);
  }
  BlockProducts products{totals(of_state), totals(of_write)};
  for (; i < width; ++i) {
    add_products(state[i], candidates + i, stride, products.state);
    add_products(state[i] - running[i], candidates + i, stride, products.write);
    running[i] = state[i];
  }
  return products;
}

float step_squared_norm_simd(const float* HWY_RESTRICT state, float* HWY_RESTRICT running, std::size_t width) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  Vec sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    const Vec x = hn::LoadU(d, state + i);
    const Vec step = hn::Sub(x, hn::LoadU(d, running + i));
    hn::StoreU(x, d, running + i);
    sum = hn::MulAdd(step, step, sum);
  }
  float total = lanes_sum(sum);
  for (; i < width; ++i) {
    const float step = state[i] - running[i];
    running[i] = state[i];
    total += step * step;
  }
  return total;
}

float add_and_sum_simd(const float* HWY_RESTRICT values, float* HWY_RESTRICT total, std::size_t width) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  Vec sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    const Vec x = hn::LoadU(d, values + i);
    hn::StoreU(hn::Add(x, hn::LoadU(d, total + i)), d, total + i);
    sum = hn::Add(sum, x);
  }
  float all = lanes_sum(sum);
  for (; i < width; ++i) {
    total[i] += values[i];
    all += values[i];
  }
  return all;
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
