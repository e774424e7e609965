#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/accel/pack_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/accel/pack_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace sinkscope::accel::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

PackKernels pack_kernels_of_target() { return plain_pack_kernels(); }

#else
namespace {

namespace hn = hwy::HWY_NAMESPACE;
// Squares of 4 x 4 words are turned: 128 bits are enough, and every target has them.
using Four = hn::CappedTag<std::uint32_t, 4>;
using FourFloats = hn::RebindToFloat<Four>;
using Words = hn::ScalableTag<std::uint32_t>;
constexpr Four kFour;
constexpr Words kWords;
constexpr int kSide = 4;

// The nearest bf16 number in the high half of each word; the low half is anything.
template <class D>
HWY_INLINE hn::Vec<D> rounded(D words, hn::Vec<D> bits) {
  const hn::RebindToFloat<D> floats;
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1u));
  const auto nearest = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fffu)));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(hn::BitCast(floats, bits)));
  return hn::IfThenElse(is_nan, hn::Or(bits, hn::Set(words, 0x400000u)), nearest);
}

// Words of a column, from its numbers on: 4 numbers, or 4 pairs.
template <Number kNumber>
HWY_INLINE hn::Vec<Four> words_of(const float* from) {
  const auto load = [&](int i) HWY_ATTR { return hn::BitCast(kFour, hn::LoadU(FourFloats(), from + i)); };
  if constexpr (kNumber == Number::kF32) {
    return load(0);
  } else {
    const hn::Repartition<std::uint16_t, Four> halves;
    return hn::BitCast(kFour, hn::ConcatOdd(halves, hn::BitCast(halves, rounded(kFour, load(4))),
                                            hn::BitCast(halves, rounded(kFour, load(0)))));
  }
}

// Four columns, as many whole squares as there are.
template <Number kNumber>
HWY_INLINE void turn_columns(const std::array<const float*, kSide>& from, int k, std::uint32_t* to) {
  const hn::Repartition<std::uint64_t, Four> longs;
  constexpr int kStep = kNumber == Number::kF32 ? kSide : 2 * kSide;
  for (int i = 0; i < k; i += kStep, to += kSide * kBlockColumns) {
    const auto a = words_of<kNumber>(from[0] + i), b = words_of<kNumber>(from[1] + i);
    const auto c = words_of<kNumber>(from[2] + i), d = words_of<kNumber>(from[3] + i);
    const auto ab0 = hn::BitCast(longs, hn::InterleaveLower(kFour, a, b));
    const auto ab1 = hn::BitCast(longs, hn::InterleaveUpper(kFour, a, b));
    const auto cd0 = hn::BitCast(longs, hn::InterleaveLower(kFour, c, d));
    const auto cd1 = hn::BitCast(longs, hn::InterleaveUpper(kFour, c, d));
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveLower(longs, ab0, cd0)), kFour, to);
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveUpper(longs, ab0, cd0)), kFour, to + kBlockColumns);
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveLower(longs, ab1, cd1)), kFour, to + 2 * kBlockColumns);
    hn::StoreU(hn::BitCast(kFour, hn::InterleaveUpper(longs, ab1, cd1)), kFour, to + 3 * kBlockColumns);
  }
}

template <Number kNumber>
void pack_columns(const float* from, int stride, int n, int k, std::uint32_t* to) {
  constexpr int kRowsOfWord = kNumber == Number::kF32 ? 1 : 2, kStep = kSide * kRowsOfWord;
  const int step = Onednn::row_step(kNumber), n_rows = (k + step - 1) / step * step;
  for (int column = 0; column < kBlockColumns; column += kSide) {
    const auto start = [&](int c) { return from + std::ptrdiff_t{column + c} * stride; };
    int row = 0;
    if (column + kSide <= n) {
      row = k / kStep * kStep;
      turn_columns<kNumber>({start(0), start(1), start(2), start(3)}, row, to + column);
    }
    // What is no whole square gets zeros around it.
    for (; row < n_rows; row += kStep) {
      float edge[kSide][kStep] = {};
      for (int c = 0; c < std::min(kSide, n - column); ++c)
        std::copy_n(start(c) + row, std::clamp(k - row, 0, kStep), edge[c]);
      turn_columns<kNumber>({edge[0], edge[1], edge[2], edge[3]}, kStep,
                            to + row / kRowsOfWord * kBlockColumns + column);
    }
  }
}

void columns(const float* from, int stride, int n, int k, Number number, void* to) {
  auto* words = static_cast<std::uint32_t*>(to);
  if (number == Number::kF32) {
    pack_columns<Number::kF32>(from, stride, n, k, words);
  } else {
    pack_columns<Number::kBf16>(from, stride, n, k, words);
  }
}

// n words of two rows one below the other; either may be null, for zeros.
HWY_INLINE void pair_rows(const float* upper, const float* lower, int n, std::uint32_t* to) {
  const hn::RebindToFloat<Words> floats;
  const int lanes = static_cast<int>(hn::Lanes(kWords));
  const auto high = hn::Set(kWords, 0xffff0000u);
  const auto word = [&](auto a, auto b) HWY_ATTR {
    return hn::Or(hn::ShiftRight<16>(rounded(kWords, a)), hn::And(rounded(kWords, b), high));
  };
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto a = hn::BitCast(kWords, hn::LoadU(floats, upper + i));
    const auto b = lower ? hn::BitCast(kWords, hn::LoadU(floats, lower + i)) : hn::Zero(kWords);
    hn::StoreU(word(a, b), kWords, to + i);
  }
  for (; i < n; ++i) {
    const Four one_lane;
    const auto a = hn::BitCast(one_lane, hn::Set(FourFloats(), upper[i]));
    const auto b = hn::BitCast(one_lane, hn::Set(FourFloats(), lower ? lower[i] : 0.0f));
    const auto pair =
        hn::Or(hn::ShiftRight<16>(rounded(one_lane, a)), hn::And(rounded(one_lane, b), hn::Set(one_lane, 0xffff0000u)));
    to[i] = hn::GetLane(pair);
  }
}

void rows(const float* from, int stride, int n, int k, Number number, void* to) {
  auto* words = static_cast<std::uint32_t*>(to);
  const int step = Onednn::row_step(number), n_rows = (k + step - 1) / step * step;
  const int rows_of_word = number == Number::kF32 ? 1 : 2;
  for (int row = 0; row < n_rows; row += rows_of_word, words += kBlockColumns) {
    const float* upper = from + std::ptrdiff_t{row} * stride;
    if (row >= k) {
      std::fill_n(words, kBlockColumns, 0u);
      continue;
    }
    std::fill(words + n, words + kBlockColumns, 0u);
    if (number == Number::kF32) {
      std::copy_n(upper, n, reinterpret_cast<float*>(words));
    } else {
      pair_rows(upper, row + 1 < k ? upper + stride : nullptr, n, words);
    }
  }
}

}  // namespace

PackKernels pack_kernels_of_target() { return {columns, rows}; }

#endif

}  // namespace sinkscope::accel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope::accel {

HWY_EXPORT(pack_kernels_of_target);

PackKernels pack_kernels_of_processor() { return HWY_DYNAMIC_DISPATCH(pack_kernels_of_target)(); }

}  // namespace sinkscope::accel
#endif
