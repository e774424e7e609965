// Vectors of float32 for one instruction set: loads from any element type, and the exponential. Included once for
// each target by a file that uses hwy/foreach_target.h.

#if defined(SINKSCOPE_FLOAT_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SINKSCOPE_FLOAT_VECTORS_INL_H
#undef SINKSCOPE_FLOAT_VECTORS_INL_H
#else
#define SINKSCOPE_FLOAT_VECTORS_INL_H
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "engine/attention/elements.h"

HWY_BEFORE_NAMESPACE();
namespace sinkscope::attention_kernel::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Vec = hn::Vec<Floats>;
constexpr Floats kFloats;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(kFloats));

// exp(x) for x <= 0, relative error below 3e-7 down to exp(-87); 0 beyond that; NaN stays NaN.
HWY_INLINE Vec exp_of_negative(Vec x) {
  const hn::RebindToSigned<Floats> ints;
  const Vec lowest = hn::Set(kFloats, -87.0f);
  const Vec clamped = hn::Max(lowest, x);
  // Rounds to an integer, which then stands in the lowest bits of the float.
  const Vec magic = hn::Set(kFloats, 12582912.0f);
  const Vec shifted = hn::MulAdd(clamped, hn::Set(kFloats, 1.44269504f), magic);
  const Vec n = hn::Sub(shifted, magic);
  // ln 2 in two parts, so that n * ln 2 is exact enough for large n.
  Vec r = hn::NegMulAdd(n, hn::Set(kFloats, 0.693359375f), clamped);
  r = hn::NegMulAdd(n, hn::Set(kFloats, -2.12194440e-4f), r);
  // Minimax on |r| <= ln(2) / 2: 1.1e-7 relative.
  Vec p = hn::Set(kFloats, 0.00831250278f);
  p = hn::MulAdd(p, r, hn::Set(kFloats, 0.0418903338f));
  p = hn::MulAdd(p, r, hn::Set(kFloats, 0.166671154f));
  p = hn::MulAdd(p, r, hn::Set(kFloats, 0.499992303f));
  p = hn::MulAdd(p, r, hn::Set(kFloats, 1.0f));
  p = hn::MulAdd(p, r, hn::Set(kFloats, 1.0f));
  const Vec scaled = hn::BitCast(kFloats, hn::Add(hn::BitCast(ints, p), hn::ShiftLeft<23>(hn::BitCast(ints, shifted))));
  return hn::IfThenZeroElse(hn::Lt(x, lowest), scaled);
}

HWY_INLINE Vec load_as_float(const float* from) { return hn::LoadU(kFloats, from); }

HWY_INLINE Vec load_as_float(const hwy::bfloat16_t* from) {
  return hn::PromoteTo(kFloats, hn::LoadU(hn::Rebind<hwy::bfloat16_t, Floats>(), from));
}

// Highway 1.0.3's own conversion takes infinity for 65536 on targets without an instruction for it.
HWY_INLINE Vec load_as_float(const hwy::float16_t* from) {
  const hn::RebindToSigned<Floats> ints;
  const hn::Rebind<std::uint16_t, Floats> halves;
  const auto bits = hn::PromoteTo(ints, hn::LoadU(halves, reinterpret_cast<const std::uint16_t*>(from)));
  const auto magnitude = hn::And(bits, hn::Set(ints, 0x7fff));
  const auto sign = hn::ShiftLeft<16>(hn::Sub(bits, magnitude));
  // Seen as float32 the number is too small by 2^112, subnormals too.
  const Vec value = hn::Mul(hn::BitCast(kFloats, hn::ShiftLeft<13>(magnitude)), hn::Set(kFloats, 0x1p112f));
  const auto infinite = hn::IfThenElseZero(hn::Gt(magnitude, hn::Set(ints, 0x7bff)), hn::Set(ints, 0x7f800000));
  return hn::BitCast(kFloats, hn::Or(hn::Or(hn::BitCast(ints, value), sign), infinite));
}

// Calls with_type(p), p a pointer to the row as it is stored.
template <typename Body>
HWY_INLINE void with_type(const void* row, ElementType type, const Body& body) {
  if (type == ElementType::kF32) {
    body(static_cast<const float*>(row));
  } else if (type == ElementType::kF16) {
    body(static_cast<const hwy::float16_t*>(row));
  } else {
    body(static_cast<const hwy::bfloat16_t*>(row));
  }
}

HWY_INLINE void convert(const void* row, ElementType type, int first, int n, float* to) {
  int i = 0;
  with_type(row, type, [&](const auto* from) HWY_ATTR {
    for (; i + kLanes <= n; i += kLanes) hn::StoreU(load_as_float(from + first + i), kFloats, to + i);
  });
  for (; i < n; ++i) to[i] = element(row, type, static_cast<std::size_t>(first + i));
}

}  // namespace
}  // namespace sinkscope::attention_kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
