#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

// Enough of CUDA for kernels to run on a processor: a block's threads are fibers, which run in turns up to where they
// must wait for one another. Blocks run one after another.

#define __global__ static
#define __device__
#define __launch_bounds__(n)
#define __shared__ static

using half = _Float16;
struct half2 {
  half x, y;
};
struct float2 {
  float x, y;
};
struct float4 {
  float x, y, z, w;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

inline thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

inline half2 __floats2half2_rn(float x, float y) { return {half(x), half(y)}; }
using std::max;
using std::min;

namespace emulated {

half* shared_memory();
void wait_for_block();
// What the other lane of the warp holds.
float exchange(float value, int lane_mask);
// Runs kernel() once for each thread of each block.
void launch(dim3 grid, unsigned n_threads, const std::function<void()>& kernel);

}  // namespace emulated

inline void __syncthreads() { emulated::wait_for_block(); }
inline float __shfl_xor_sync(unsigned, float value, int lane_mask) { return emulated::exchange(value, lane_mask); }
