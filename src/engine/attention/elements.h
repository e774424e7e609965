#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace sinkscope {

// How one number of a tensor is stored.
enum class ElementType : std::uint8_t { kF32, kF16, kBF16 };

inline std::size_t bytes_of(ElementType type) { return type == ElementType::kF32 ? 4 : 2; }

// Element `index` of a contiguous row.
inline float element(const void* row, ElementType type, std::size_t index) {
  const char* bytes = static_cast<const char*>(row) + index * bytes_of(type);
  if (type == ElementType::kF32) {
    float value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return type == ElementType::kF16 ? float_from_half(bits) : float_from_bf16(bits);
}

// Vectors of numbers in somebody else's memory, by row and head. A vector is contiguous; strides are in bytes.
struct HeadVectors {
  const void* data = nullptr;
  ElementType type = ElementType::kF32;
  std::size_t row_stride = 0;   // from a query, or key, to the next
  std::size_t head_stride = 0;  // from a head to the next

  const void* row(int row_index, int head) const {
    return static_cast<const char*>(data) + static_cast<std::size_t>(row_index) * row_stride +
           static_cast<std::size_t>(head) * head_stride;
  }
};

}  // namespace sinkscope
