#include "engine/attention/eviction_cost.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <string>

#include "attention_inputs.h"
#include "attention_reference.h"
#include "base/error.h"
#include "engine/attention/column_sums.h"

namespace sinkscope {
namespace {

using namespace testing_support;

class EvictionCostTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  // Attention by head from the column sums, outputs from the reference: what the probe hands over.
  EvictionCosts run(const AttentionProblem& p, const Cube<float>& values, ElementType type, int n_threads = 1) {
    const StoredProblem stored(p, ElementType::kF32, ElementType::kF32, false, 0);
    mask_.read(stored.mask, stored.places, p.min_distance);
    const AttentionSums sums = column_sums_.compute(stored.inputs, mask_, p.watched, true);
    outputs_ = Cube<float>(p.n_queries, p.n_heads, values.cols());
    for (int q = 0; q < p.n_queries; ++q)
      for (int h = 0; h < p.n_heads; ++h) {
        const std::vector<double> output = reference_output(p, values, h, q);
        std::copy(output.begin(), output.end(), outputs_.row(q, h).begin());
      }
    const StoredVectors kept(values, type, true), made(outputs_, ElementType::kF32, false);
    EvictionInputs inputs;
    inputs.n_heads = p.n_heads;
    inputs.n_kv_heads = p.n_kv_heads;
    inputs.value_dim = static_cast<int>(values.cols());
    inputs.values = kept.view;
    inputs.outputs = made.view;
    inputs.attention = sums.watched_by_head;
    inputs.most_attention = most_;
    return eviction_cost_.compute(inputs, mask_, p.watched, n_threads);
  }

  Cube<float> random_values(const AttentionProblem& p, int value_dim, ElementType type) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    Cube<float> values(p.n_keys, p.n_kv_heads, value_dim);
    for (int k = 0; k < p.n_keys; ++k)
      for (int h = 0; h < p.n_kv_heads; ++h)
        for (float& x : values.row(k, h)) x = rounded_to(type, normal(random));
    return values;
  }

  void check(const ProblemOptions& options, int value_dim = 24, ElementType type = ElementType::kF32) {
    SCOPED_TRACE(options.name);
    ProblemOptions exact = options;
    exact.key_type = ElementType::kF32;
    const AttentionProblem p = random_problem(exact, 7);
    const Cube<float> values = random_values(p, value_dim, type);
    const EvictionCosts found = run(p, values, type);
    const ReferenceEvictions expected = reference_evictions(p, values, static_cast<double>(most_));
    ASSERT_EQ(found.cost.rows(), expected.cost.rows());
    ASSERT_EQ(found.cost.cols(), expected.cost.cols());
    for (std::size_t w = 0; w < p.watched.size(); ++w) {
      EXPECT_EQ(found.far_queries[w], expected.far_queries[w]) << w;
      for (int h = 0; h < p.n_heads; ++h) {
        EXPECT_EQ(found.left_out(h, w), expected.left_out(h, w)) << h << " " << w;
        // Attention is off by 1e-6 of itself in float32, and odds near 1 / (1 - 0.9999) by 1e4 times that.
        EXPECT_NEAR(found.cost(h, w), expected.cost(h, w), 1e-6 + 2e-3 * expected.cost(h, w)) << h << " " << w;
      }
    }
  }

  float most_ = kMostAttention;
  AttentionMask mask_;
  ColumnSums column_sums_;
  EvictionCost eviction_cost_;
  Cube<float> outputs_;
};

// Two keys, weights 3/4 and 1/4, values 1 and 5: the output is 2, without the first key 5, without the second 1.
TEST_P(EvictionCostTest, TwoKeysByHand) {
  AttentionProblem p;
  p.n_queries = p.n_keys = 2;
  p.q = Cube<float>(2, 1, 1);
  p.k = Cube<float>(2, 1, 1);
  p.q(1, 0, 0) = std::log(3.0f);
  p.k(0, 0, 0) = 1;
  p.mask = Matrix<float>(2, 2);
  p.mask(0, 1) = kHidden;
  p.query_position = p.key_position = {0, 1};
  p.query_sequence = p.key_sequence = {0, 0};
  p.min_distance = 0;
  p.watched = {0, 1};
  Cube<float> values(2, 1, 1);
  values(0, 0, 0) = 1;
  values(1, 0, 0) = 5;
  const EvictionCosts costs = run(p, values, ElementType::kF32);
  EXPECT_NEAR(costs.cost(0, 0), 9, 1e-5) << "of query 1; query 0 sees nothing else and is left out";
  EXPECT_NEAR(costs.cost(0, 1), 1, 1e-5);
  EXPECT_EQ(costs.left_out(0, 0), 1);
  EXPECT_EQ(costs.left_out(0, 1), 0);
  EXPECT_EQ(costs.far_queries[0], 2);
  EXPECT_EQ(costs.far_queries[1], 1);
}

TEST_P(EvictionCostTest, IsWhatAttentionWithoutTheKeyWouldGive) {
  check({.name = "causal", .n_watched = 5});
  check({.name = "more keys than a vector has lanes", .n_queries = 90, .n_watched = 40});
  check({.name = "later micro-batch", .n_queries = 70, .first_query = 130, .n_watched = 9});
  check({.name = "seven heads a KV head", .n_queries = 30, .n_heads = 14, .n_kv_heads = 2, .n_watched = 4});
  check({.name = "one KV head, other width", .n_queries = 30, .n_heads = 8, .n_kv_heads = 1, .n_watched = 4}, 33);
  check({.name = "window", .n_queries = 60, .first_query = 100, .window = 40, .n_watched = 20});
  check({.name = "packed", .n_queries = 90, .first_query = 30, .n_sequences = 3, .n_watched = 18});
  check({.name = "holes", .n_queries = 60, .first_query = 40, .hole_frac = 0.3, .n_watched = 9});
  check({.name = "ALiBi", .n_queries = 40, .n_heads = 6, .max_bias = 8, .n_watched = 5});
  check({.name = "soft cap", .n_queries = 40, .logit_softcap = 5, .n_watched = 5, .sharpness = 3});
  check({.name = "learned sinks", .n_queries = 40, .sink_logits = true, .n_watched = 5});
  check({.name = "half precision values", .n_queries = 40, .n_watched = 5}, 16, ElementType::kF16);
  check({.name = "bf16 values", .n_queries = 40, .n_watched = 5}, 16, ElementType::kBF16);
  check({.name = "one query", .n_queries = 1, .first_query = 50, .n_watched = 3});
}

TEST_P(EvictionCostTest, LeavesOutAndCountsWhereTheKeyHasAllAttention) {
  const ProblemOptions sharp{.name = "sharp", .n_queries = 60, .min_distance = 1, .n_watched = 30, .sharpness = 12};
  check(sharp);
  most_ = kMostAttentionOfHalves;
  check(sharp);
  const AttentionProblem p = random_problem(sharp, 7);
  const Cube<float> values = random_values(p, 8, ElementType::kF32);
  int left_out = 0;
  const EvictionCosts costs = run(p, values, ElementType::kF32);
  for (int h = 0; h < p.n_heads; ++h)
    for (const std::int32_t n : costs.left_out.row(h)) left_out += n;
  EXPECT_GT(left_out, 0) << "or nothing was tested";
}

TEST_P(EvictionCostTest, RoundsValuesAsTheOutputWasMade) {
  AttentionProblem p = random_problem({.n_queries = 30, .n_watched = 4}, 3);
  const Cube<float> values = random_values(p, 8, ElementType::kBF16);
  const EvictionCosts plain = run(p, values, ElementType::kF32);
  const std::vector<double> expected(plain.cost.row(1).begin(), plain.cost.row(1).end());
  Cube<float> finer = values;
  for (int k = 0; k < p.n_keys; ++k)
    for (float& x : finer.row(k, 0)) x *= 1.0005f;  // less than half a step of bf16
  for (int k = 0; k < p.n_keys; ++k)
    for (float& x : finer.row(k, 1)) x *= 1.0005f;
  const StoredProblem stored(p, ElementType::kF32, ElementType::kF32, false, 0);
  const AttentionSums sums = column_sums_.compute(stored.inputs, mask_, p.watched, true);
  const StoredVectors kept(finer, ElementType::kF32, false), made(outputs_, ElementType::kF32, false);
  EvictionInputs inputs{p.n_heads, p.n_kv_heads, 8, kept.view, true, made.view, sums.watched_by_head};
  const EvictionCosts rounded = eviction_cost_.compute(inputs, mask_, p.watched);
  for (std::size_t w = 0; w < expected.size(); ++w) EXPECT_EQ(rounded.cost(1, w), expected[w]) << w;
}

TEST_P(EvictionCostTest, ThreadsDoNotChangeABit) {
  const AttentionProblem p = random_problem({.n_queries = 200, .first_query = 100, .n_watched = 9}, 5);
  const Cube<float> values = random_values(p, 16, ElementType::kF32);
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    const EvictionCosts costs = run(p, values, ElementType::kF32, threads);
    std::vector<double> all;
    for (int h = 0; h < p.n_heads; ++h) all.insert(all.end(), costs.cost.row(h).begin(), costs.cost.row(h).end());
    if (first.empty()) first = all;
    EXPECT_EQ(all, first);
  }
}

TEST(EvictionCost, RefusesOtherShapes) {
  EvictionInputs inputs;
  inputs.n_heads = 3;
  inputs.n_kv_heads = 2;
  EXPECT_THROW(EvictionCost().compute(inputs, AttentionMask(), {}), Error);
}

INSTANTIATE_TEST_SUITE_P(Targets, EvictionCostTest, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace sinkscope
