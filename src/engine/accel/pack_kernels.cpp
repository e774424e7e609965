#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/accel/pack_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <hwy/highway.h>

#include <algorithm>
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
// Words of columns become rows by squares of kSide x kSide. Vectors of a length that only the processor knows cannot be
// held in arrays: they take four columns.
#if HWY_HAVE_SCALABLE
constexpr int kSide = 4;
#else
constexpr int kSide = static_cast<int>(HWY_MIN(16, HWY_LANES(std::uint32_t)));
#endif
using Side = hn::CappedTag<std::uint32_t, kSide>;
using SideFloats = hn::RebindToFloat<Side>;
using Word = hn::Vec<Side>;
using Words = hn::ScalableTag<std::uint32_t>;
using FourFloats = hn::CappedTag<float, 4>;
using Four = hn::RebindToUnsigned<FourFloats>;
constexpr Side kSides;
constexpr Words kWords;

// The nearest bf16 number in the high half of each word; the low half is anything.
template <class D>
HWY_INLINE hn::Vec<D> rounded(D words, hn::Vec<D> bits) {
  const hn::RebindToFloat<D> floats;
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1u));
  const auto nearest = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fffu)));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(hn::BitCast(floats, bits)));
  return hn::IfThenElse(is_nan, hn::Or(bits, hn::Set(words, 0x400000u)), nearest);
}

// kSide words of a column, from its numbers on: as many numbers, or pairs.
template <Number kNumber>
HWY_INLINE Word words_of(const float* from) {
  const auto load = [&](int i) HWY_ATTR { return hn::BitCast(kSides, hn::LoadU(SideFloats(), from + i)); };
  if constexpr (kNumber == Number::kF32) {
    return load(0);
  } else {
    const hn::Repartition<std::uint16_t, Side> halves;
    return hn::BitCast(kSides, hn::ConcatOdd(halves, hn::BitCast(halves, rounded(kSides, load(kSide))),
                                             hn::BitCast(halves, rounded(kSides, load(0)))));
  }
}

// In each 128 bits of four vectors: columns become rows.
HWY_INLINE void turn_fours(Word& a, Word& b, Word& c, Word& d) {
  const hn::Repartition<std::uint64_t, Side> longs;
  const auto ab0 = hn::BitCast(longs, hn::InterleaveLower(kSides, a, b));
  const auto ab1 = hn::BitCast(longs, hn::InterleaveUpper(kSides, a, b));
  const auto cd0 = hn::BitCast(longs, hn::InterleaveLower(kSides, c, d));
  const auto cd1 = hn::BitCast(longs, hn::InterleaveUpper(kSides, c, d));
  a = hn::BitCast(kSides, hn::InterleaveLower(longs, ab0, cd0));
  b = hn::BitCast(kSides, hn::InterleaveUpper(longs, ab0, cd0));
  c = hn::BitCast(kSides, hn::InterleaveLower(longs, ab1, cd1));
  d = hn::BitCast(kSides, hn::InterleaveUpper(longs, ab1, cd1));
}

// One square of columns that lie `stride` numbers apart.
template <Number kNumber>
HWY_INLINE void turn_square(const float* from, std::ptrdiff_t stride, std::uint32_t* to) {
  const auto put = [&](int row, Word words) HWY_ATTR { hn::StoreU(words, kSides, to + row * kBlockColumns); };
#if HWY_HAVE_SCALABLE
  Word a = words_of<kNumber>(from), b = words_of<kNumber>(from + stride);
  Word c = words_of<kNumber>(from + 2 * stride), d = words_of<kNumber>(from + 3 * stride);
  turn_fours(a, b, c, d);
  put(0, a), put(1, b), put(2, c), put(3, d);
#else
  Word words[kSide];
#pragma GCC unroll 16
  for (int c = 0; c < kSide; ++c) words[c] = words_of<kNumber>(from + c * stride);
#pragma GCC unroll 4
  for (int c = 0; c < kSide; c += 4) turn_fours(words[c], words[c + 1], words[c + 2], words[c + 3]);
  // words[4 q + j] now holds, in its 128 bits number b, row 4 b + j of columns 4 q to 4 q + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    if constexpr (kSide == 4) {
      put(j, words[j]);
    } else if constexpr (kSide == 8) {
      put(j, hn::ConcatLowerLower(kSides, words[4 + j], words[j]));
      put(4 + j, hn::ConcatUpperUpper(kSides, words[4 + j], words[j]));
    } else {
      const auto put_two = [&](int row, Word even, Word odd) HWY_ATTR {
        put(row, hn::OddEvenBlocks(hn::SwapAdjacentBlocks(odd), even));
        put(row + 4, hn::OddEvenBlocks(odd, hn::SwapAdjacentBlocks(even)));
      };
      put_two(j, hn::ConcatLowerLower(kSides, words[8 + j], words[j]),
              hn::ConcatLowerLower(kSides, words[12 + j], words[4 + j]));
      put_two(8 + j, hn::ConcatUpperUpper(kSides, words[8 + j], words[j]),
              hn::ConcatUpperUpper(kSides, words[12 + j], words[4 + j]));
    }
  }
#endif
}

template <Number kNumber>
void pack_columns(const float* from, int stride, int n, int k, std::uint32_t* to) {
  constexpr int kRowsOfWord = kNumber == Number::kF32 ? 1 : 2, kStep = kSide * kRowsOfWord;
  const int step = Onednn::row_step(kNumber), n_rows = (k + step - 1) / step * step;
  for (int column = 0; column < kPackedColumns; column += kSide) {
    const float* first = from + std::ptrdiff_t{column} * stride;
    for (int row = 0; row < n_rows; row += kStep) {
      std::uint32_t* square = to + row / kRowsOfWord * kBlockColumns + column;
      if (column + kSide <= n && row + kStep <= k) {
        turn_square<kNumber>(first + row, stride, square);
        continue;
      }
      // What is no whole square gets zeros around it.
      float edge[kSide * kStep] = {};
      for (int c = 0; c < std::min(kSide, n - column); ++c)
        std::copy_n(first + std::ptrdiff_t{c} * stride + row, std::clamp(k - row, 0, kStep), edge + c * kStep);
      turn_square<kNumber>(edge, kStep, square);
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
