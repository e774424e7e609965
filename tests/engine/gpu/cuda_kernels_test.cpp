// The CUDA kernels' tiling and order, run on the processor, beside sums over whole rows in double.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "engine/gpu/cuda/column_kernels.cuh"
#pragma GCC diagnostic pop

namespace sinkscope::gpu::cuda {
namespace {

struct Case {
  const char* name;
  int n_heads, n_kv_heads, n_queries, n_keys, window;
  float cap;
  bool sinks;
  std::vector<int> starts;  // keys at which a sequence of the pack starts
};

template <int D>
void expect_sums(const Case& c) {
  SCOPED_TRACE(c.name);
  constexpr int kMinDistance = 20;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 1);
  const auto draw = [&](std::size_t n) {
    std::vector<float> numbers(n);
    for (float& x : numbers) x = normal(random);
    return numbers;
  };
  const auto n_heads = static_cast<std::size_t>(c.n_heads), n_queries = static_cast<std::size_t>(c.n_queries);
  const auto n_keys = static_cast<std::size_t>(c.n_keys), n_kv = static_cast<std::size_t>(c.n_kv_heads);
  const std::vector<float> q = draw(n_queries * n_heads * D), k_float = draw(n_keys * n_kv * D), sinks = draw(n_heads);
  std::vector<half> k(k_float.size());
  for (std::size_t i = 0; i < k.size(); ++i) k[i] = static_cast<half>(k_float[i]);
  std::vector<DeviceRow> rows;
  for (int i = 0; i < c.n_queries; ++i) {
    const int at = c.n_keys - c.n_queries + i;
    int first = c.window > 0 ? std::max(0, at - c.window + 1) : 0;
    for (const int start : c.starts) first = start <= at ? std::max(first, start) : first;
    rows.push_back({first, at + 1, std::max(first, at + 1 - kMinDistance), 0});
  }
  const std::vector<DeviceTile> tiles = tiles_of(rows);
  const float scale = 1 / std::sqrt(static_cast<float>(D));

  std::vector<half> scaled(q.size());
  std::vector<float> normaliser(n_heads * n_queries), log_normaliser(normaliser), sums(n_heads * n_keys, -1);
  std::vector<float> far_sums(sums), mass(n_heads);
  ColumnInputs in{};
  in.queries = scaled.data();
  in.keys = k.data();
  in.key_row = static_cast<std::int64_t>(n_kv) * D;
  in.key_head = D;
  in.rows = rows.data();
  in.tiles = tiles.data();
  in.sinks = c.sinks ? sinks.data() : nullptr;
  in.cap = c.cap * kLog2E;
  in.group = c.n_heads / c.n_kv_heads;
  in.n_queries = c.n_queries;
  in.n_keys = c.n_keys;
  in.normaliser = normaliser.data();
  in.log_normaliser = log_normaliser.data();
  in.sums = sums.data();
  in.far_sums = far_sums.data();
  in.learned_mass = mass.data();
  const float factor = c.cap != 0 ? scale / c.cap : scale * kLog2E;
  const auto heads = static_cast<unsigned>(c.n_heads);
  const auto blocks = [](int n) { return static_cast<unsigned>((n + kStill - 1) / kStill); };
  emulated::launch({static_cast<unsigned>(c.n_queries), heads}, 32,
                   [&] { scale_queries(q.data(), c.n_heads * D, D, scaled.data(), c.n_queries, D, factor); });
  emulated::launch({blocks(c.n_queries), heads}, 128, [&] { normalisers<D>(in); });
  emulated::launch({blocks(c.n_keys), heads}, 128, [&] { columns<D>(in); });
  if (c.sinks) emulated::launch({heads}, 1024, [&] { learned_masses(in); });

  for (std::size_t h = 0; h < n_heads; ++h) {
    std::vector<double> sum(n_keys), far(n_keys), p(n_keys);
    double total = 0, taken = 0;
    for (std::size_t i = 0; i < n_queries; ++i) {
      double all = c.sinks ? std::exp(static_cast<double>(sinks[h])) : 0;
      for (int j = rows[i].first; j < rows[i].last; ++j) {
        double x = 0;
        for (std::size_t d = 0; d < D; ++d) {
          x += static_cast<double>(q[(i * n_heads + h) * D + d]) *
               static_cast<double>(k[(static_cast<std::size_t>(j) * n_kv + h / (n_heads / n_kv)) * D + d]);
        }
        x *= static_cast<double>(scale);
        if (c.cap != 0) x = static_cast<double>(c.cap) * std::tanh(x / static_cast<double>(c.cap));
        all += p[static_cast<std::size_t>(j)] = std::exp(x);
      }
      EXPECT_NEAR(log_normaliser[h * n_queries + i], std::log(all), 2e-3);
      if (c.sinks) taken += std::exp(static_cast<double>(sinks[h])) / all;
      for (int j = rows[i].first; j < rows[i].last; ++j) {
        const auto key = static_cast<std::size_t>(j);
        sum[key] += p[key] / all;
        if (j < rows[i].far_last) far[key] += p[key] / all;
      }
    }
    for (std::size_t j = 0; j < n_keys; ++j) {
      // Queries are rounded to half precision: some 5e-4 of a logit.
      EXPECT_NEAR(sums[h * n_keys + j], sum[j], 1e-3 * (sum[j] + 0.1)) << h << ", " << j;
      EXPECT_NEAR(far_sums[h * n_keys + j], far[j], 1e-3 * (far[j] + 0.1)) << h << ", " << j;
      total += static_cast<double>(sums[h * n_keys + j]);
    }
    if (c.sinks) {
      EXPECT_NEAR(mass[h], taken, 1e-3 * taken);
      total += static_cast<double>(mass[h]);
    }
    EXPECT_NEAR(total, c.n_queries, 1e-5 * c.n_queries) << h;
  }
}

TEST(CudaKernels, SumColumns) {
  expect_sums<128>({"causal, an earlier micro-batch", 4, 2, 150, 333, 0, 0, false, {}});
  expect_sums<64>({"as many queries as keys", 3, 1, 130, 130, 0, 0, false, {}});
  expect_sums<64>({"window", 2, 2, 200, 300, 70, 0, false, {}});
  expect_sums<64>({"pack", 2, 1, 250, 250, 0, 0, false, {3, 70, 200, 201}});
  expect_sums<64>({"soft cap and learned sinks", 2, 2, 100, 140, 0, 5, true, {}});
  expect_sums<64>({"one query", 2, 1, 1, 90, 0, 0, false, {}});
}

TEST(CudaKernels, ReduceStatesInOneReading) {
  constexpr int kRows = 5, kWidth = 1100;
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> states(kRows * kWidth), candidates(8 * kWidth);
  for (float& x : states) x = normal(random);
  for (float& x : candidates) x = normal(random);
  for (const int n : {0, 3, 8}) {
    std::vector<float> norms(kRows), dots(8 * kRows, -7);
    emulated::launch({kRows}, 256, [&] {
      reduce_rows(states.data(), candidates.data(), n, kRows, kWidth, norms.data(), dots.data());
    });
    const auto dot = [&](const float* a, const float* b) {
      double sum = 0;
      for (int i = 0; i < kWidth; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
      return sum;
    };
    for (int row = 0; row < kRows; ++row) {
      const float* x = states.data() + row * kWidth;
      EXPECT_NEAR(norms[static_cast<std::size_t>(row)], dot(x, x), 1e-3);
      for (int c = 0; c < 8; ++c) {
        const float got = dots[static_cast<std::size_t>(c * kRows + row)];
        if (c < n) {
          EXPECT_NEAR(got, dot(x, candidates.data() + c * kWidth), 1e-3);
        } else {
          EXPECT_EQ(got, -7);  // not written
        }
      }
    }
  }
}

}  // namespace
}  // namespace sinkscope::gpu::cuda
