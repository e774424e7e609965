// The readable twin of pack_kernels.cpp.
#include <bit>
#include <cmath>
#include <cstdint>

#include "engine/accel/pack_kernels.h"

namespace sinkscope::accel {
namespace {

std::uint16_t bf16_of(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <typename Get>
void pack(int width, int n, int k, Number number, void* to, const Get& number_at) {
  const int step = Onednn::row_step(number), n_rows = (k + step - 1) / step * step;
  for (int row = 0; row < n_rows; ++row) {
    for (int column = 0; column < width; ++column) {
      const float x = row < k && column < n ? number_at(row, column) : 0.0f;
      if (number == Number::kF32) {
        static_cast<float*>(to)[row * kBlockColumns + column] = x;
      } else {
        static_cast<std::uint16_t*>(to)[(row / 2 * kBlockColumns + column) * 2 + row % 2] = bf16_of(x);
      }
    }
  }
}

void columns(const float* from, int stride, int n, int k, Number number, void* to) {
  pack(kPackedColumns, n, k, number, to,
       [&](int row, int column) { return from[static_cast<std::ptrdiff_t>(column) * stride + row]; });
}

void rows(const float* from, int stride, int n, int k, Number number, void* to) {
  pack(kBlockColumns, n, k, number, to,
       [&](int row, int column) { return from[static_cast<std::ptrdiff_t>(row) * stride + column]; });
}

}  // namespace

const PackKernels& plain_pack_kernels() {
  static constexpr PackKernels kernels = {columns, rows};
  return kernels;
}

}  // namespace sinkscope::accel
