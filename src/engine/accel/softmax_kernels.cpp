// Scalable vectors cannot be held in arrays.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/accel/softmax_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "engine/accel/softmax_kernels.h"
#include "engine/attention/float_vectors-inl.h"

#ifndef SINKSCOPE_SOFTMAX_KERNELS_ONCE
#define SINKSCOPE_SOFTMAX_KERNELS_ONCE
#include <algorithm>
#include <limits>
namespace sinkscope::accel {
inline constexpr float kHiddenScore = -std::numeric_limits<float>::infinity();
inline int round_down(int n, int step) { return n / step * step; }
inline int round_up(int n, int step) { return (n + step - 1) / step * step; }
}  // namespace sinkscope::accel
#endif

HWY_BEFORE_NAMESPACE();
namespace sinkscope::accel::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

SoftmaxKernels softmax_kernels_of_target() { return plain_softmax_kernels(); }

#else
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace vectors = attention_kernel::HWY_NAMESPACE;
using vectors::Floats;
using vectors::kFloats;
using vectors::kLanes;
using vectors::Vec;
using Words = hn::RebindToUnsigned<Floats>;
using Halves = hn::Repartition<std::uint16_t, Floats>;
constexpr Words kWords;
constexpr Halves kHalves;

// exp(x) with the error of exp_of_negative up to exp(88), and exp(88) beyond: the caller redoes such a row.
HWY_INLINE Vec exp_of(Vec x) { return vectors::exp_of_negative(hn::Min(hn::Set(kFloats, 88.0f), x)); }

// To the nearest bf16 number, ties away from zero: the low half of each lane becomes 0. For numbers >= 0 and NaN.
HWY_INLINE Vec round_to_bf16(Vec x) {
  const auto bits = hn::Add(hn::BitCast(kWords, x), hn::Set(kWords, 0x8000u));
  return hn::BitCast(kFloats, hn::And(bits, hn::Set(kWords, 0xffff0000u)));
}

// Two vectors of rounded numbers, one after the other.
HWY_INLINE void store_bf16(Vec first, Vec second, std::uint16_t* to) {
  hn::StoreU(hn::ConcatOdd(kHalves, hn::BitCast(kHalves, second), hn::BitCast(kHalves, first)), kHalves, to);
}

HWY_INLINE Vec lanes_between(Vec x, int base, int first, int last, Vec otherwise) {
  const Vec index = hn::Add(hn::Iota(kFloats, 0.0f), hn::Set(kFloats, static_cast<float>(base)));
  const auto inside = hn::And(hn::Ge(index, hn::Set(kFloats, static_cast<float>(first))),
                              hn::Lt(index, hn::Set(kFloats, static_cast<float>(last))));
  return hn::IfThenElse(inside, x, otherwise);
}

float largest(const float* scores, int first, int last) {
  Vec largest = hn::Set(kFloats, kHiddenScore), second = largest;
  const Vec hidden = largest;
  const int begin = round_down(first, kLanes), end = round_up(last, kLanes);
  for (int i = begin; i < end; i += kLanes) {
    Vec x = hn::LoadU(kFloats, scores + i);
    if (i < first || i + kLanes > last) x = lanes_between(x, i, first, last, hidden);
    largest = hn::Max(largest, x);
    std::swap(largest, second);
  }
  return hn::GetLane(hn::MaxOfLanes(kFloats, hn::Max(largest, second)));
}

void make_logits(float* scores, int first, int last, float scale, float softcap, float slope,
                 const std::uint16_t* mask) {
  const Vec scales = hn::Set(kFloats, softcap != 0 ? scale / softcap : scale), caps = hn::Set(kFloats, softcap);
  const Vec slopes = hn::Set(kFloats, slope), hidden = hn::Set(kFloats, kHiddenScore);
  // A tile's rows and the mask's are whole numbers of vectors long.
  for (int i = round_down(first, kLanes); i < last; i += kLanes) {
    Vec x = hn::Mul(hn::LoadU(kFloats, scores + i), scales);
    if (softcap != 0) x = hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(caps, hn::Tanh(kFloats, x)));
    if (mask) {
      const Vec bias = vectors::load_as_float(reinterpret_cast<const hwy::float16_t*>(mask + i));
      x = hn::IfThenElse(hn::Eq(bias, hidden), hidden, hn::MulAdd(slopes, bias, x));
    }
    hn::StoreU(x, kFloats, scores + i);
  }
}

HWY_INLINE float exponentials_f32(const float* scores, int first, int last, int width, Vec scale, Vec shift,
                                  float* weights) {
  const int begin = round_down(first, kLanes), end = round_up(last, kLanes);
  std::fill(weights, weights + begin, 0.0f);
  std::fill(weights + end, weights + width, 0.0f);
  const Vec zero = hn::Zero(kFloats);
  Vec sum0 = zero, sum1 = zero;
  const auto edge = [&](int i) HWY_ATTR {
    const Vec e = lanes_between(exp_of(hn::MulSub(hn::LoadU(kFloats, scores + i), scale, shift)), i, first, last, zero);
    hn::StoreU(e, kFloats, weights + i);
    sum0 = hn::Add(sum0, e);
  };
  int i = begin;
  if (i < first) edge(i), i += kLanes;
  for (; i + 2 * kLanes <= last; i += 2 * kLanes) {
    const Vec e0 = exp_of(hn::MulSub(hn::LoadU(kFloats, scores + i), scale, shift));
    const Vec e1 = exp_of(hn::MulSub(hn::LoadU(kFloats, scores + i + kLanes), scale, shift));
    hn::StoreU(e0, kFloats, weights + i);
    hn::StoreU(e1, kFloats, weights + i + kLanes);
    sum0 = hn::Add(sum0, e0);
    sum1 = hn::Add(sum1, e1);
  }
  for (; i < end; i += kLanes) edge(i);
  return hn::GetLane(hn::SumOfLanes(kFloats, hn::Add(sum0, sum1)));
}

HWY_INLINE float exponentials_bf16(const float* scores, int first, int last, int width, Vec scale, Vec shift,
                                   std::uint16_t* weights) {
  constexpr int kPair = 2 * kLanes;
  const int begin = round_down(first, kPair), end = round_up(last, kPair);
  std::fill(weights, weights + begin, std::uint16_t{0});
  std::fill(weights + end, weights + width, std::uint16_t{0});
  const Vec zero = hn::Zero(kFloats);
  Vec sum0 = zero, sum1 = zero;
  for (int i = begin; i < end; i += kPair) {
    Vec e0 = exp_of(hn::MulSub(hn::LoadU(kFloats, scores + i), scale, shift));
    Vec e1 = exp_of(hn::MulSub(hn::LoadU(kFloats, scores + i + kLanes), scale, shift));
    if (i < first || i + kPair > last) {
      e0 = lanes_between(e0, i, first, last, zero);
      e1 = lanes_between(e1, i + kLanes, first, last, zero);
    }
    e0 = round_to_bf16(e0);
    e1 = round_to_bf16(e1);
    store_bf16(e0, e1, weights + i);
    sum0 = hn::Add(sum0, e0);
    sum1 = hn::Add(sum1, e1);
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, hn::Add(sum0, sum1)));
}

float exponentials(const float* scores, int first, int last, int width, float scale, float shift, Number number,
                   void* weights) {
  const Vec scales = hn::Set(kFloats, scale), shifts = hn::Set(kFloats, shift);
  if (number == Number::kF32)
    return exponentials_f32(scores, first, last, width, scales, shifts, static_cast<float*>(weights));
  return exponentials_bf16(scores, first, last, width, scales, shifts, static_cast<std::uint16_t*>(weights));
}

// The even and the odd numbers of a pair of vectors of bf16.
struct Pair {
  Vec even, odd;
};

HWY_INLINE Pair load_pair(const std::uint16_t* from) {
  const auto bits = hn::BitCast(kWords, hn::LoadU(kHalves, from));
  return {hn::BitCast(kFloats, hn::ShiftLeft<16>(bits)),
          hn::BitCast(kFloats, hn::And(bits, hn::Set(kWords, 0xffff0000u)))};
}

void scale(void* weights, Number number, int width, float factor) {
  const Vec factors = hn::Set(kFloats, factor);
  if (number == Number::kF32) {
    auto* w = static_cast<float*>(weights);
    for (int i = 0; i < width; i += kLanes) hn::StoreU(hn::Mul(hn::LoadU(kFloats, w + i), factors), kFloats, w + i);
    return;
  }
  auto* w = static_cast<std::uint16_t*>(weights);
  for (int i = 0; i < width; i += 2 * kLanes) {
    const Pair pair = load_pair(w + i);
    const auto even = hn::ShiftRight<16>(hn::BitCast(kWords, round_to_bf16(hn::Mul(pair.even, factors))));
    const auto odd = hn::BitCast(kWords, round_to_bf16(hn::Mul(pair.odd, factors)));
    hn::StoreU(hn::BitCast(kHalves, hn::Or(even, odd)), kHalves, w + i);
  }
}

// Columns that are summed at a time, in registers.
constexpr int kColumnVectors = 4;
constexpr int kColumns = kColumnVectors * kLanes;
static_assert(kBlockColumns % kColumns == 0);

// A tile's columns [column, column + kColumns): sums over rows, of those rows that are far if kFar.
template <bool kFar>
HWY_INLINE void sum_columns(const float* weights, int n_rows, int width, int column, const float* inverse,
                            const std::int32_t* far_last, float* sums) {
  Vec total[kColumnVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kColumnVectors; ++v) total[v] = hn::Zero(kFloats);
  const float* row = weights + column;
  for (int r = 0; r < n_rows; ++r, row += width) {
    const Vec factor = hn::Set(kFloats, inverse[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kColumnVectors; ++v) {
      Vec w = hn::LoadU(kFloats, row + v * kLanes);
      if constexpr (kFar) w = lanes_between(w, column + v * kLanes, 0, far_last[r], hn::Zero(kFloats));
      total[v] = hn::MulAdd(w, factor, total[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < kColumnVectors; ++v) hn::StoreU(total[v], kFloats, sums + column + v * kLanes);
}

template <bool kFar>
HWY_INLINE void sum_columns(const std::uint16_t* weights, int n_rows, int width, int column, const float* inverse,
                            const std::int32_t* far_last, float* sums) {
  Vec even[kColumnVectors / 2], odd[kColumnVectors / 2];
#pragma GCC unroll 2
  for (int v = 0; v < kColumnVectors / 2; ++v) even[v] = odd[v] = hn::Zero(kFloats);
  const std::uint16_t* row = weights + column;
  for (int r = 0; r < n_rows; ++r, row += width) {
    const Vec factor = hn::Set(kFloats, inverse[r]);
#pragma GCC unroll 2
    for (int v = 0; v < kColumnVectors / 2; ++v) {
      Pair pair = load_pair(row + 2 * v * kLanes);
      if constexpr (kFar) {
        // Lane i holds columns 2i and 2i + 1.
        const int left = far_last[r] - column - 2 * v * kLanes;
        pair.even = lanes_between(pair.even, 0, 0, (left + 1) >> 1, hn::Zero(kFloats));
        pair.odd = lanes_between(pair.odd, 0, 0, left >> 1, hn::Zero(kFloats));
      }
      even[v] = hn::MulAdd(pair.even, factor, even[v]);
      odd[v] = hn::MulAdd(pair.odd, factor, odd[v]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kColumnVectors / 2; ++v)
    hn::StoreInterleaved2(even[v], odd[v], kFloats, sums + column + 2 * v * kLanes);
}

template <typename Weight>
void column_sums_of(const Weight* weights, int n_rows, int width, const float* inverse, const std::int32_t* far_last,
                    float* sums, float* far_sums) {
  const auto [fewest, most] = std::minmax_element(far_last, far_last + n_rows);
  for (int column = 0; column < width; column += kColumns) {
    sum_columns<false>(weights, n_rows, width, column, inverse, far_last, sums);
    if (column + kColumns <= *fewest) {
      std::copy_n(sums + column, kColumns, far_sums + column);
    } else if (column >= *most) {
      std::fill_n(far_sums + column, kColumns, 0.0f);
    } else {
      sum_columns<true>(weights, n_rows, width, column, inverse, far_last, far_sums);
    }
  }
}

void column_sums(const void* weights, Number number, int n_rows, int width, const float* inverse,
                 const std::int32_t* far_last, float* sums, float* far_sums) {
  if (number == Number::kF32) {
    column_sums_of(static_cast<const float*>(weights), n_rows, width, inverse, far_last, sums, far_sums);
  } else {
    column_sums_of(static_cast<const std::uint16_t*>(weights), n_rows, width, inverse, far_last, sums, far_sums);
  }
}

// Adding and subtracting 1.5 * 2^20 leaves a double rounded to a multiple of 2^-32.
constexpr double kRounder = 1.5 * (1 << 20);

void add_exactly(const float* addends, int n, double* totals) {
  int i = 0;
#if HWY_HAVE_FLOAT64
  const hn::ScalableTag<double> doubles;
  const hn::Rebind<float, decltype(doubles)> floats;
  const int lanes = static_cast<int>(hn::Lanes(doubles));
  const auto rounder = hn::Set(doubles, kRounder);
  for (; i + lanes <= n; i += lanes) {
    const auto rounded = hn::Sub(hn::Add(hn::PromoteTo(doubles, hn::LoadU(floats, addends + i)), rounder), rounder);
    hn::StoreU(hn::Add(hn::LoadU(doubles, totals + i), rounded), doubles, totals + i);
  }
#endif
  for (; i < n; ++i) totals[i] += (static_cast<double>(addends[i]) + kRounder) - kRounder;
}

}  // namespace

SoftmaxKernels softmax_kernels_of_target() {
  return {largest, make_logits, exponentials, scale, column_sums, add_exactly};
}

#endif

}  // namespace sinkscope::accel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope::accel {

HWY_EXPORT(softmax_kernels_of_target);

SoftmaxKernels softmax_kernels_of_processor() { return HWY_DYNAMIC_DISPATCH(softmax_kernels_of_target)(); }

}  // namespace sinkscope::accel
#endif
