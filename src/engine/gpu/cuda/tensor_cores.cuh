// Products of half precision tiles on tensor cores: mma.sync m16n8k16, sm_80 and newer.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

namespace sinkscope::gpu::cuda {

constexpr int kWarps = 4, kRowsOfWarp = 32;
constexpr int kStill = kWarps * kRowsOfWarp;  // rows of the factor that stays in registers
constexpr int kMoving = 64;                   // rows of the factor that streams through shared memory, twice

__device__ inline half* dynamic_shared() {
  extern __shared__ half memory[];
  return memory;
}

__device__ inline std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

__device__ inline void load_matrices(std::uint32_t* r, const half* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p)));
}

__device__ inline void multiply_add(float* c, const std::uint32_t* a, std::uint32_t b0, std::uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;"); }
template <int N>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N));
}

// Where a row's chunk of 8 halves lies: swizzled by the row, so that loading matrices meets no bank twice.
template <int D>
__device__ inline int place(int row, int chunk) {
  constexpr int kMask = D / 8 >= 8 ? 7 : D / 8 - 1;
  return row * D + ((chunk & ~kMask) | ((chunk ^ row) & kMask)) * 8;
}

// Starts copying n rows of D halves to shared memory; rows from n_valid on are zeros.
template <int D>
__device__ inline void copy_rows(half* to, const half* from, std::int64_t stride, int n, int n_valid) {
  constexpr int kChunks = D / 8;
  for (int i = static_cast<int>(threadIdx.x); i < n * kChunks; i += static_cast<int>(blockDim.x)) {
    const int row = i / kChunks, chunk = i % kChunks;
    const int n_bytes = row < n_valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to + place<D>(row, chunk))),
                 "l"(from + (n_bytes ? row : 0) * stride + chunk * 8), "r"(n_bytes));
  }
}

// The still factor's 32 rows of a warp, in registers.
template <int D>
struct StillRows {
  std::uint32_t a[2][D / 16][4];

  __device__ inline void load(const half* tile, int warp, int lane) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int s = 0; s < D / 16; ++s)
        load_matrices(a[m][s], tile + place<D>(warp * kRowsOfWarp + m * 16 + (lane & 15), s * 2 + (lane >> 4)));
  }

  // c[m][n][i * 2 + j] += row m * 16 + i * 8 + lane / 4 of the warp's . row n * 8 + lane % 4 * 2 + j of the tile
  __device__ inline void multiply(float (*c)[kMoving / 8][4], const half* tile, int lane) const {
#pragma unroll
    for (int n = 0; n < kMoving / 8; n += 2) {
#pragma unroll
      for (int s = 0; s < D / 16; ++s) {
        std::uint32_t b[4];  // rows n * 8 .. + 7, then the next 8
        load_matrices(b, tile + place<D>(n * 8 + (lane & 7) + ((lane >> 4) << 3), s * 2 + ((lane >> 3) & 1)));
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          multiply_add(c[m][n], a[m][s], b[0], b[1]);
          multiply_add(c[m][n + 1], a[m][s], b[2], b[3]);
        }
      }
    }
  }
};

__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace sinkscope::gpu::cuda
