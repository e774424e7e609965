// Column sums of attention in two passes over Q K^T that never leave the chip.
//
//   normalisers  log2 of the sum over the keys that a query sees of 2^x, x = logit * log2(e)
//   columns      sum over the queries that see a key of 2^(x - normaliser), and the same over far queries
//
// Both hold one factor in registers and stream the other: rows of queries and then of keys. Nothing is added by
// atomics, so the order of additions is fixed by the shapes.
#pragma once

#include "engine/gpu/cuda/tensor_cores.cuh"
#include "engine/gpu/device_rows.h"

namespace sinkscope::gpu::cuda {

struct ColumnInputs {
  const half* queries;  // [n_heads, n_queries, D], times scale * log2(e), or with a soft cap times scale / cap
  const half* keys;     // of KV head g and key k at g * key_head + k * key_row
  std::int64_t key_row, key_head;
  const DeviceRow* rows;
  const DeviceTile* tiles;
  const float* sinks;  // [n_heads] learned logits, or null
  float cap;           // times log2(e), or 0
  int group;           // heads of a KV head
  int n_queries, n_keys;
  float* normaliser;       // [n_heads, n_queries] log2
  float *sums, *far_sums;  // [n_heads, n_keys]
  float* learned_mass;     // [n_heads], or null
  float* log_normaliser;   // [n_heads, n_queries] natural
};

constexpr float kLog2E = 1.4426950408889634F, kLn2 = 0.6931471805599453F;

__device__ inline float logit_of(float product, float cap) { return cap == 0 ? product : cap * tanhf(product); }

// The factor that a block keeps in registers: rows of kStill queries or keys, by way of shared memory, which is free
// afterwards.
//
// from     rows of D numbers, `stride` apart; of rows from n_rows on nothing is read
template <int D>
__device__ inline StillRows<D> load_still(half* shared, const half* from, std::int64_t stride, int n_rows) {
  copy_rows<D>(shared, from, stride, kStill, n_rows);
  commit_copies();
  wait_for_copies<0>();
  __syncthreads();
  StillRows<D> still;
  still.load(shared, threadIdx.x >> 5, threadIdx.x & 31);
  __syncthreads();
  return still;
}

template <int D>
__global__ void __launch_bounds__(128) normalisers(ColumnInputs in) {
  half* shared = dynamic_shared();  // the still tile first, then two moving tiles: as large
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, head = blockIdx.y;
  const int q0 = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kStill;  // the longest first
  const half* queries = in.queries + (static_cast<std::int64_t>(head) * in.n_queries + q0) * D;
  const half* keys = in.keys + head / in.group * in.key_head;
  const StillRows<D> still = load_still<D>(shared, queries, D, in.n_queries - q0);

  int first_min = in.n_keys, first_max = 0, last_min = in.n_keys, last_max = 0;
  for (int t = q0 / kTileQueries; t < (q0 + kStill) / kTileQueries && t * kTileQueries < in.n_queries; ++t) {
    const DeviceTile tile = in.tiles[t];
    first_min = min(first_min, tile.first_min), first_max = max(first_max, tile.first_max);
    last_min = min(last_min, tile.last_min), last_max = max(last_max, tile.last_max);
  }
  int first[2][2], last[2][2];
  float top[2][2], total[2][2];
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int query = q0 + warp * kRowsOfWarp + m * 16 + i * 8 + (lane >> 2);
      const bool valid = query < in.n_queries;
      first[m][i] = valid ? in.rows[query].first : 0;
      last[m][i] = valid ? in.rows[query].last : 0;
      top[m][i] = -INFINITY, total[m][i] = 0;
    }
  const int begin = first_min / kMoving, end = (last_max + kMoving - 1) / kMoving;
  const auto stage = [&](int t) { return shared + ((t - begin) & 1) * kMoving * D; };
  const auto copy = [&](int t) {
    if (t < end) copy_rows<D>(stage(t), keys + t * kMoving * in.key_row, in.key_row, kMoving, in.n_keys - t * kMoving);
    commit_copies();
  };
  copy(begin);
  for (int t = begin; t < end; ++t) {
    const int k0 = t * kMoving;
    copy(t + 1);
    wait_for_copies<1>();
    __syncthreads();
    float c[2][kMoving / 8][4] = {};
    still.multiply(c, stage(t), lane);
    const bool whole = k0 >= first_max && k0 + kMoving <= last_min;
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float tile_top = -INFINITY;
#pragma unroll
        for (int n = 0; n < kMoving / 8; ++n)
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            float& x = c[m][n][i * 2 + j];
            const int key = k0 + n * 8 + (lane & 3) * 2 + j;
            x = whole || (key >= first[m][i] && key < last[m][i]) ? logit_of(x, in.cap) : -INFINITY;
            tile_top = fmaxf(tile_top, x);
          }
        if (tile_top > top[m][i]) {
          total[m][i] *= exp2_fast(top[m][i] - tile_top);
          top[m][i] = tile_top;
        }
        if (top[m][i] == -INFINITY) continue;
        float sum = 0;
#pragma unroll
        for (int n = 0; n < kMoving / 8; ++n)
#pragma unroll
          for (int j = 0; j < 2; ++j) sum += exp2_fast(c[m][n][i * 2 + j] - top[m][i]);
        total[m][i] += sum;
      }
    __syncthreads();
  }
  wait_for_copies<0>();
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float t = top[m][i], s = total[m][i];
      const auto join = [&](float other_top, float other_sum) {
        const float higher = fmaxf(t, other_top);
        if (higher == -INFINITY) return;
        s = s * exp2_fast(t - higher) + other_sum * exp2_fast(other_top - higher);
        t = higher;
      };
      for (int o = 1; o < 4; o <<= 1) join(__shfl_xor_sync(~0U, t, o), __shfl_xor_sync(~0U, s, o));
      if (in.sinks && t != -INFINITY) join(in.sinks[head] * kLog2E, 1);
      const int query = q0 + warp * kRowsOfWarp + m * 16 + i * 8 + (lane >> 2);
      if ((lane & 3) != 0 || query >= in.n_queries) continue;
      const float result = t == -INFINITY ? INFINITY : t + log2f(s);  // who sees nothing adds nothing
      in.normaliser[static_cast<std::int64_t>(head) * in.n_queries + query] = result;
      in.log_normaliser[static_cast<std::int64_t>(head) * in.n_queries + query] = result * kLn2;
    }
}

template <int D>
__global__ void __launch_bounds__(128) columns(ColumnInputs in) {
  half* shared = dynamic_shared();
  __shared__ float normaliser[2][kMoving];
  __shared__ int first[2][kMoving], last[2][kMoving], far[2][kMoving];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, head = blockIdx.y;
  const int k0 = static_cast<int>(blockIdx.x) * kStill;
  const half* queries = in.queries + static_cast<std::int64_t>(head) * in.n_queries * D;
  const half* keys = in.keys + head / in.group * in.key_head + k0 * in.key_row;
  const StillRows<D> still = load_still<D>(shared, keys, in.key_row, in.n_keys - k0);

  float all[2][2] = {}, distant[2][2] = {};
  const int n_tiles = (in.n_queries + kMoving - 1) / kMoving;
  const auto next_that_sees = [&](int t) {
    while (t < n_tiles && !(in.tiles[t].last_max > k0 && in.tiles[t].first_min < k0 + kStill)) ++t;
    return t;
  };
  const auto copy = [&](int t, int s) {
    if (t < n_tiles) {
      const int q0 = t * kMoving;
      copy_rows<D>(shared + s * kMoving * D, queries + static_cast<std::int64_t>(q0) * D, D, kMoving,
                   in.n_queries - q0);
      if (threadIdx.x < kMoving) {
        const int query = q0 + static_cast<int>(threadIdx.x);
        const bool valid = query < in.n_queries;
        const DeviceRow row = valid ? in.rows[query] : DeviceRow{};
        normaliser[s][threadIdx.x] =
            valid ? in.normaliser[static_cast<std::int64_t>(head) * in.n_queries + query] : INFINITY;
        first[s][threadIdx.x] = row.first, last[s][threadIdx.x] = row.last, far[s][threadIdx.x] = row.far_last;
      }
    }
    commit_copies();
  };
  int t = next_that_sees(0), s = 0;
  copy(t, 0);
  while (t < n_tiles) {
    const int after = next_that_sees(t + 1);
    copy(after, s ^ 1);
    wait_for_copies<1>();
    __syncthreads();
    const DeviceTile tile = in.tiles[t];
    float c[2][kMoving / 8][4] = {};
    still.multiply(c, shared + s * kMoving * D, lane);
    const bool whole = tile.first_max <= k0 && tile.last_min >= k0 + kStill;
    const bool all_far = tile.far_min >= k0 + kStill, none_far = tile.far_max <= k0;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      float sum[2] = {}, far_sum[2] = {};
#pragma unroll
      for (int n = 0; n < kMoving / 8; ++n)
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const int column = n * 8 + (lane & 3) * 2 + j;
          const float of_query = normaliser[s][column];
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            float p = exp2_fast(logit_of(c[m][n][i * 2 + j], in.cap) - of_query);
            const int key = k0 + warp * kRowsOfWarp + m * 16 + i * 8 + (lane >> 2);
            if (!whole && (key < first[s][column] || key >= last[s][column])) p = 0;
            sum[i] += p;
            if (!all_far && !none_far && key < far[s][column]) far_sum[i] += p;
          }
        }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        all[m][i] += sum[i];
        distant[m][i] += all_far ? sum[i] : far_sum[i];
      }
    }
    __syncthreads();
    t = after, s ^= 1;
  }
  wait_for_copies<0>();
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float x = all[m][i], y = distant[m][i];
      for (int o = 1; o < 4; o <<= 1) x += __shfl_xor_sync(~0U, x, o), y += __shfl_xor_sync(~0U, y, o);
      const int key = k0 + warp * kRowsOfWarp + m * 16 + i * 8 + (lane >> 2);
      if ((lane & 3) != 0 || key >= in.n_keys) continue;
      in.sums[static_cast<std::int64_t>(head) * in.n_keys + key] = x;
      in.far_sums[static_cast<std::int64_t>(head) * in.n_keys + key] = y;
    }
}

// float32 queries, each row of a head contiguous, to scaled halves.
__global__ void scale_queries(const float* from, std::int64_t row, std::int64_t head, half* to, int n_queries, int dim,
                              float factor) {
  const std::int64_t query = blockIdx.x, h = blockIdx.y;
  for (int i = static_cast<int>(threadIdx.x) * 2; i < dim; i += static_cast<int>(blockDim.x) * 2) {
    const float2 x = *reinterpret_cast<const float2*>(from + query * row + h * head + i);
    *reinterpret_cast<half2*>(to + (h * n_queries + query) * dim + i) = __floats2half2_rn(x.x * factor, x.y * factor);
  }
}

// What a learned sink took of the rows of its head: one block a head.
__global__ void learned_masses(ColumnInputs in) {
  const int head = blockIdx.x;
  float sum = 0;
  for (int q = static_cast<int>(threadIdx.x); q < in.n_queries; q += static_cast<int>(blockDim.x)) {
    sum += exp2f(in.sinks[head] * kLog2E - in.normaliser[static_cast<std::int64_t>(head) * in.n_queries + q]);
  }
  __shared__ float of_warp[32];
  for (int o = 16; o > 0; o >>= 1) sum += __shfl_xor_sync(~0U, sum, o);
  if ((threadIdx.x & 31) == 0) of_warp[threadIdx.x >> 5] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) total += of_warp[w];
  in.learned_mass[head] = total;
}

// Squared norms of states and their products with up to 8 candidates, in one reading. A block a row.
__global__ void reduce_rows(const float* states, const float* candidates, int n_candidates, std::int64_t n_rows,
                            int width, float* squared_norm, float* dots) {
  const std::int64_t row = blockIdx.x;
  float sum[9] = {};
  for (int i = static_cast<int>(threadIdx.x) * 4; i < width; i += static_cast<int>(blockDim.x) * 4) {
    const float4 x = *reinterpret_cast<const float4*>(states + row * width + i);
    sum[8] += x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
#pragma unroll
    for (int c = 0; c < 8; ++c) {
      if (c >= n_candidates) break;
      const float4 y = *reinterpret_cast<const float4*>(candidates + static_cast<std::int64_t>(c) * width + i);
      sum[c] += x.x * y.x + x.y * y.y + x.z * y.z + x.w * y.w;
    }
  }
  __shared__ float of_warp[9][8];
#pragma unroll
  for (int c = 0; c < 9; ++c) {
    for (int o = 16; o > 0; o >>= 1) sum[c] += __shfl_xor_sync(~0U, sum[c], o);
    if ((threadIdx.x & 31) == 0) of_warp[c][threadIdx.x >> 5] = sum[c];
  }
  __syncthreads();
  const int c = static_cast<int>(threadIdx.x);
  if (c >= 9) return;
  float total = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) total += of_warp[c][w];
  if (c == 8) squared_norm[row] = total;
  if (c < n_candidates) dots[c * n_rows + row] = total;
}

}  // namespace sinkscope::gpu::cuda
