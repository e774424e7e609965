// The tensor cores of src/engine/gpu/cuda/tensor_cores.cuh for a processor, slowly: kernels that include this instead
// run their threads as fibers (tests/engine/gpu/emulated_device.h), each with the numbers that its lane would hold.
#pragma once

#include "tests/engine/gpu/emulated_device.h"

namespace sinkscope::gpu::cuda {

constexpr int kWarps = 4, kRowsOfWarp = 32;
constexpr int kStill = kWarps * kRowsOfWarp;
constexpr int kMoving = 64;

inline half* dynamic_shared() { return emulated::shared_memory(); }
inline void commit_copies() {}
template <int N>
void wait_for_copies() {}

template <int D>
void copy_rows(half* to, const half* from, std::int64_t stride, int n, int n_valid) {
  for (int i = static_cast<int>(threadIdx.x); i < n * D; i += static_cast<int>(blockDim.x)) {
    const int row = i / D;
    to[i] = row < n_valid ? from[row * stride + i % D] : half(0);
  }
}

template <int D>
struct StillRows {
  half rows[2][2][D];  // [m][i]: row m * 16 + i * 8 + lane / 4 of the warp

  void load(const half* tile, int warp, int lane) {
    for (int m = 0; m < 2; ++m)
      for (int i = 0; i < 2; ++i)
        for (int d = 0; d < D; ++d) rows[m][i][d] = tile[(warp * kRowsOfWarp + m * 16 + i * 8 + lane / 4) * D + d];
  }
  void multiply(float (*c)[kMoving / 8][4], const half* tile, int lane) const {
    for (int m = 0; m < 2; ++m)
      for (int n = 0; n < kMoving / 8; ++n)
        for (int i = 0; i < 2; ++i)
          for (int j = 0; j < 2; ++j)
            for (int d = 0; d < D; ++d)
              c[m][n][i * 2 + j] += float(rows[m][i][d]) * float(tile[(n * 8 + lane % 4 * 2 + j) * D + d]);
  }
};

inline float exp2_fast(float x) { return std::exp2(x); }

}  // namespace sinkscope::gpu::cuda
