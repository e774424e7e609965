#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/accel/unpack_kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h
#include <ggml.h>
#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "engine/accel/unpack_kernels.h"
#include "engine/attention/elements.h"
#define GGML_COMMON_DECL_C
#include <ggml-common.h>

HWY_BEFORE_NAMESPACE();
namespace sinkscope::accel::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

UnpackKernel unpack_kernel_of_target(int) { return nullptr; }

#else
namespace {

namespace hn = hwy::HWY_NAMESPACE;
// Half a small block is 16 weights: no vector may be longer.
using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
using Vec = hn::Vec<Floats>;
using Int = hn::Vec<Ints>;
constexpr Floats kFloats;
constexpr Ints kInts;

HWY_INLINE int lanes() { return static_cast<int>(hn::Lanes(kFloats)); }
HWY_INLINE Vec all(float x) { return hn::Set(kFloats, x); }

HWY_INLINE Int bytes_at(const std::uint8_t* from) {
  return hn::PromoteTo(kInts, hn::LoadU(hn::Rebind<std::uint8_t, Floats>(), from));
}
HWY_INLINE Int signed_bytes_at(const std::int8_t* from) {
  return hn::PromoteTo(kInts, hn::LoadU(hn::Rebind<std::int8_t, Floats>(), from));
}
HWY_INLINE Int low_nibble(Int bytes) { return hn::And(bytes, hn::Set(kInts, 15)); }
HWY_INLINE Int high_nibble(Int bytes) { return hn::ShiftRight<4>(bytes); }

// quant * scale + offset
HWY_INLINE void store(Int quants, Vec scale, Vec offset, float* to) {
  hn::StoreU(hn::MulAdd(hn::ConvertTo(kFloats, quants), scale, offset), kFloats, to);
}

// 16 where bit number `first` + lane of `bits` is set.
HWY_INLINE Int fifth_bits(std::uint32_t bits, int first) {
  const auto lane = hn::Shl(hn::Set(kInts, 1), hn::Iota(kInts, 0));
  const auto shifted = hn::Set(kInts, static_cast<std::int32_t>(bits >> first));
  return hn::IfThenElseZero(hn::TestBit(shifted, lane), hn::Set(kInts, 16));
}

// Blocks of 32 with 4 bits: low nibbles are the first 16 weights, high ones the rest.
HWY_INLINE void small_block(const std::uint8_t* quants, Vec scale, Vec offset, float* to) {
  for (int i = 0; i < 16; i += lanes()) {
    const Int q = bytes_at(quants + i);
    store(low_nibble(q), scale, offset, to + i);
    store(high_nibble(q), scale, offset, to + 16 + i);
  }
}

// The same with a fifth bit of each weight.
HWY_INLINE void small_block(const std::uint8_t* quants, const std::uint8_t* fifth, Vec scale, Vec offset, float* to) {
  std::uint32_t bits;
  std::memcpy(&bits, fifth, sizeof bits);
  for (int i = 0; i < 16; i += lanes()) {
    const Int q = bytes_at(quants + i);
    store(hn::Or(low_nibble(q), fifth_bits(bits, i)), scale, offset, to + i);
    store(hn::Or(high_nibble(q), fifth_bits(bits, 16 + i)), scale, offset, to + 16 + i);
  }
}

void unpack_q4_0(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q4_0*>(blocks);
  for (std::int64_t i = 0; i < n_weights; i += QK4_0, ++block) {
    const float d = float_from_half(block->d);
    small_block(block->qs, all(d), all(-8 * d), to + i);
  }
}

void unpack_q4_1(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q4_1*>(blocks);
  for (std::int64_t i = 0; i < n_weights; i += QK4_1, ++block)
    small_block(block->qs, all(float_from_half(block->d)), all(float_from_half(block->m)), to + i);
}

void unpack_q5_0(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q5_0*>(blocks);
  for (std::int64_t i = 0; i < n_weights; i += QK5_0, ++block) {
    const float d = float_from_half(block->d);
    small_block(block->qs, block->qh, all(d), all(-16 * d), to + i);
  }
}

void unpack_q5_1(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q5_1*>(blocks);
  for (std::int64_t i = 0; i < n_weights; i += QK5_1, ++block)
    small_block(block->qs, block->qh, all(float_from_half(block->d)), all(float_from_half(block->m)), to + i);
}

void unpack_q8_0(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q8_0*>(blocks);
  const Vec zero = hn::Zero(kFloats);
  for (std::int64_t i = 0; i < n_weights; i += QK8_0, ++block) {
    const Vec scale = all(float_from_half(block->d));
    for (int j = 0; j < QK8_0; j += lanes()) store(signed_bytes_at(block->qs + j), scale, zero, to + i + j);
  }
}

// Scale and minimum of each 32 weights of a block of 256: 6 bits each, in 12 bytes.
struct ScaleAndMinimum {
  float scale, offset;  // no vectors: SVE's cannot be members
};
HWY_INLINE ScaleAndMinimum scale_and_minimum(const std::uint8_t* packed, int part, float d, float minimum) {
  const auto byte = [&](int i) { return static_cast<unsigned>(packed[i]); };
  const unsigned scale = part < 4 ? byte(part) & 63u : (byte(part + 4) & 15u) | (byte(part - 4) >> 6 << 4);
  const unsigned lowest = part < 4 ? byte(part + 4) & 63u : (byte(part + 4) >> 4) | (byte(part) >> 6 << 4);
  return {d * static_cast<float>(scale), -minimum * static_cast<float>(lowest)};
}

void unpack_q4_k(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q4_K*>(blocks);
  for (std::int64_t i = 0; i < n_weights; i += QK_K, ++block) {
    const float d = float_from_half(block->d), minimum = float_from_half(block->dmin);
    for (int part = 0; part < 8; part += 2, to += 64) {
      const auto low = scale_and_minimum(block->scales, part, d, minimum);
      const auto high = scale_and_minimum(block->scales, part + 1, d, minimum);
      const std::uint8_t* quants = block->qs + part * 16;
      for (int j = 0; j < 32; j += lanes()) {
        const Int q = bytes_at(quants + j);
        store(low_nibble(q), all(low.scale), all(low.offset), to + j);
        store(high_nibble(q), all(high.scale), all(high.offset), to + 32 + j);
      }
    }
  }
}

void unpack_q5_k(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q5_K*>(blocks);
  const Int sixteen = hn::Set(kInts, 16);
  for (std::int64_t i = 0; i < n_weights; i += QK_K, ++block) {
    const float d = float_from_half(block->d), minimum = float_from_half(block->dmin);
    for (int part = 0; part < 8; part += 2, to += 64) {
      const auto low = scale_and_minimum(block->scales, part, d, minimum);
      const auto high = scale_and_minimum(block->scales, part + 1, d, minimum);
      const std::uint8_t* quants = block->qs + part * 16;
      const Int low_bit = hn::Set(kInts, 1 << part), high_bit = hn::Set(kInts, 2 << part);
      for (int j = 0; j < 32; j += lanes()) {
        const Int q = bytes_at(quants + j), fifth = bytes_at(block->qh + j);
        store(hn::Or(low_nibble(q), hn::IfThenElseZero(hn::TestBit(fifth, low_bit), sixteen)), all(low.scale),
              all(low.offset), to + j);
        store(hn::Or(high_nibble(q), hn::IfThenElseZero(hn::TestBit(fifth, high_bit), sixteen)), all(high.scale),
              all(high.offset), to + 32 + j);
      }
    }
  }
}

void unpack_q6_k(const void* blocks, float* to, std::int64_t n_weights) {
  const auto* block = static_cast<const block_q6_K*>(blocks);
  const Int two_bits = hn::Set(kInts, 0x30);
  for (std::int64_t i = 0; i < n_weights; i += QK_K, ++block) {
    const float d = float_from_half(block->d);
    for (int half = 0; half < 2; ++half, to += 128) {
      const std::uint8_t *low = block->ql + half * 64, *high = block->qh + half * 32;
      const std::int8_t* scales = block->scales + half * 8;
      for (int j = 0; j < 32; j += lanes()) {
        const Int first = bytes_at(low + j), second = bytes_at(low + 32 + j), top = bytes_at(high + j);
        const auto put = [&](int quarter, Int quants) HWY_ATTR {
          const float scale = d * static_cast<float>(scales[2 * quarter + j / 16]);
          store(quants, all(scale), all(-32 * scale), to + 32 * quarter + j);
        };
        put(0, hn::Or(low_nibble(first), hn::And(hn::ShiftLeft<4>(top), two_bits)));
        put(1, hn::Or(low_nibble(second), hn::And(hn::ShiftLeft<2>(top), two_bits)));
        put(2, hn::Or(high_nibble(first), hn::And(top, two_bits)));
        put(3, hn::Or(high_nibble(second), hn::And(hn::ShiftRight<2>(top), two_bits)));
      }
    }
  }
}

}  // namespace

UnpackKernel unpack_kernel_of_target(int type) {
  switch (type) {
    case GGML_TYPE_Q4_0:
      return unpack_q4_0;
    case GGML_TYPE_Q4_1:
      return unpack_q4_1;
    case GGML_TYPE_Q5_0:
      return unpack_q5_0;
    case GGML_TYPE_Q5_1:
      return unpack_q5_1;
    case GGML_TYPE_Q8_0:
      return unpack_q8_0;
    case GGML_TYPE_Q4_K:
      return unpack_q4_k;
    case GGML_TYPE_Q5_K:
      return unpack_q5_k;
    case GGML_TYPE_Q6_K:
      return unpack_q6_k;
    default:
      return nullptr;
  }
}

#endif

}  // namespace sinkscope::accel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sinkscope::accel {

HWY_EXPORT(unpack_kernel_of_target);

UnpackKernel unpack_kernel_of_processor(int ggml_type) {
  return HWY_DYNAMIC_DISPATCH(unpack_kernel_of_target)(ggml_type);
}

}  // namespace sinkscope::accel
#endif
