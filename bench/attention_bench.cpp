// Column sums of attention, one layer and micro-batch at a time, in shapes of real models.
//
// products is what the visible scores need, two operations a multiply-add: compare it with the peak of the processor.
// It counts the whole call, exponentials and sums included. One thread and its own processor time, so that a busy
// machine matters less.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "engine/attention/column_sums.h"

namespace sinkscope {
namespace {

constexpr std::uint16_t kHiddenF16 = 0xfc00;

// Causal attention of the last n_queries of n_keys tokens, with keys as llama.cpp's cache holds them.
struct Node {
  std::vector<float> q;
  std::vector<std::uint16_t> k, mask;
  std::vector<std::int32_t> position, sequence, watched;
  AttentionInputs inputs;
  MaskTensor mask_tensor;
  AttentionPlaces places;
  double products = 0;

  Node(int n_heads, int n_kv_heads, int head_dim, int n_queries, int n_keys, int window) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    q.resize(static_cast<std::size_t>(n_queries) * n_heads * head_dim);
    for (float& x : q) x = normal(random);
    k.resize(static_cast<std::size_t>(n_keys) * n_kv_heads * head_dim);
    // Sign and mantissa at random, exponent 2^-1: magnitudes 0.5 to 1.
    for (std::uint16_t& x : k) x = static_cast<std::uint16_t>((random() & 0x83ffu) | 0x3800u);
    mask.assign(static_cast<std::size_t>(n_queries) * n_keys, kHiddenF16);
    for (int i = 0; i < n_queries; ++i) {
      const int last = n_keys - n_queries + i + 1, first = window > 0 ? std::max(0, last - window) : 0;
      const auto row = mask.begin() + static_cast<std::ptrdiff_t>(i) * n_keys;
      std::fill(row + first, row + last, std::uint16_t{0});
      products += 2.0 * (last - first) * n_heads * head_dim;
    }
    for (int i = 0; i < n_keys; ++i) position.push_back(i);
    sequence.assign(n_keys, 0);
    for (int i = 0; i < std::min(64, n_keys); ++i) watched.push_back(i * (n_keys / std::min(64, n_keys)));
    inputs.n_heads = n_heads;
    inputs.n_kv_heads = n_kv_heads;
    inputs.head_dim = head_dim;
    inputs.queries = {q.data(), ElementType::kF32, static_cast<std::size_t>(n_heads) * head_dim * 4,
                      static_cast<std::size_t>(head_dim) * 4};
    inputs.keys = {k.data(), ElementType::kF16, static_cast<std::size_t>(n_kv_heads) * head_dim * 2,
                   static_cast<std::size_t>(head_dim) * 2};
    inputs.scale = 1 / std::sqrt(static_cast<float>(head_dim));
    mask_tensor = {mask.data(), ElementType::kF16, static_cast<std::size_t>(n_keys) * 2, n_keys};
    const auto of_queries = [&](const std::vector<std::int32_t>& all) {
      return std::span<const std::int32_t>(all).last(n_queries);
    };
    places = {of_queries(position), of_queries(sequence), position, sequence};
  }
};

void column_sums(benchmark::State& state) {
  const auto arg = [&](int i) { return static_cast<int>(state.range(i)); };
  const Node node(arg(0), arg(1), arg(2), arg(3), arg(4), arg(5));
  AttentionMask mask;
  mask.read(node.mask_tensor, node.places, 64);
  ColumnSums sums;
  for (auto _ : state) benchmark::DoNotOptimize(sums.compute(node.inputs, mask, node.watched).sums.data());
  state.counters["products"] = benchmark::Counter(node.products, benchmark::Counter::kIsIterationInvariantRate);
}

void read_mask(benchmark::State& state) {
  const Node node(1, 1, 1, static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), 0);
  AttentionMask mask;
  for (auto _ : state) {
    mask.read(node.mask_tensor, node.places, 64);
    benchmark::DoNotOptimize(mask.visibility().queries.data());
  }
}

BENCHMARK(column_sums)
    ->ArgNames({"heads", "kv_heads", "head_dim", "queries", "keys", "window"})
    ->Args({9, 3, 64, 512, 8192, 0})  // SmolLM2-135M
    ->Args({9, 3, 64, 512, 2048, 0})
    ->Args({9, 3, 64, 512, 512, 0})
    ->Args({14, 2, 64, 512, 4096, 0})    // Qwen2.5-Coder-0.5B
    ->Args({4, 1, 256, 512, 4096, 512})  // Gemma 3 270M
    ->Args({32, 8, 128, 512, 4096, 0})   // Llama 3 8B
    ->Args({16, 16, 80, 512, 4096, 0})
    ->Args({16, 1, 576, 512, 4096, 0})  // MLA
    ->Args({9, 3, 64, 1, 8192, 0})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(read_mask)->Args({512, 8192})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sinkscope
