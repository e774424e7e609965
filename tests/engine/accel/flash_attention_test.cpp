#include "engine/accel/flash_attention.h"

#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "attention_inputs.h"
#include "attention_reference.h"
#include "engine/accel/attention_rows.h"
#include "engine/attention/eviction_cost.h"
#include "node.h"

namespace sinkscope::accel {
namespace {

using namespace testing_support;

// An attention node as llama.cpp makes it, with values beside the problem's queries and keys.
struct Node {
  ContextPtr context;
  ggml_tensor* node = nullptr;
  Cube<float> values;            // [n_keys, n_kv_heads, value_dim]
  std::vector<double> expected;  // [n_queries, n_heads, value_dim]

  Node(const AttentionProblem& p, ElementType type, int n_padding, int value_dim)
      : context(tensors_with_memory(16 << 20)), values(p.n_keys, p.n_kv_heads, value_dim) {
    std::mt19937 random(9);
    std::normal_distribution<float> normal;
    for (int k = 0; k < p.n_keys; ++k)
      for (int h = 0; h < p.n_kv_heads; ++h)
        for (float& x : values.row(k, h)) x = rounded_to(type, normal(random));
    const int n_cells = p.n_keys + n_padding;
    ggml_tensor* query = stored(p.q, ElementType::kF32, p.n_queries);
    ggml_tensor* key = stored(p.k, type, n_cells);
    ggml_tensor* value = stored(values, type, n_cells);
    ggml_tensor* mask = ggml_new_tensor_2d(context.get(), GGML_TYPE_F16, n_cells, p.n_queries);
    for (int q = 0; q < p.n_queries; ++q)
      for (int k = 0; k < n_cells; ++k)
        static_cast<std::uint16_t*>(mask->data)[q * n_cells + k] = f16_of(k < p.n_keys ? p.mask(q, k) : kHidden);
    node = ggml_flash_attn_ext(context.get(), query, key, value, mask, p.scale, p.max_bias, p.logit_softcap);
    if (!p.sink_logits.empty()) {
      ggml_tensor* sinks = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, p.n_heads);
      std::copy(p.sink_logits.begin(), p.sink_logits.end(), static_cast<float*>(sinks->data));
      ggml_flash_attn_ext_add_sinks(node, sinks);
    }
    expect_outputs(p);
  }

  // Heads lie inside tokens; what lies beyond the keys is NaN.
  ggml_tensor* stored(const Cube<float>& numbers, ElementType type, int n_rows) {
    const int heads = static_cast<int>(numbers.rows()), dim = static_cast<int>(numbers.cols());
    const ggml_type stored_type = type == ElementType::kF32 ? GGML_TYPE_F32 : GGML_TYPE_F16;
    ggml_tensor* t = ggml_new_tensor_3d(context.get(), stored_type, dim, heads, n_rows);
    for (int r = 0; r < n_rows; ++r)
      for (int h = 0; h < heads; ++h)
        for (int d = 0; d < dim; ++d) {
          char* to = static_cast<char*>(t->data) + r * t->nb[2] + h * t->nb[1] + d * t->nb[0];
          const bool real = r < static_cast<int>(numbers.depth());
          if (stored_type == GGML_TYPE_F16 && !real) {
            const std::uint16_t nan = 0x7e00;
            std::memcpy(to, &nan, 2);
          } else {
            write_element(to, type, real ? numbers(r, h, d) : std::numeric_limits<float>::quiet_NaN());
          }
        }
    return ggml_permute(context.get(), t, 0, 2, 1, 3);
  }

  void expect_outputs(const AttentionProblem& p) {
    const int dim = static_cast<int>(values.cols());
    for (int q = 0; q < p.n_queries; ++q)
      for (int h = 0; h < p.n_heads; ++h) {
        std::vector<double> logit(p.n_keys, kHidden), output(dim);
        double largest = p.sink_logits.empty() ? kHidden : p.sink_logits[h];
        for (int k = 0; k < p.n_keys; ++k)
          if (reference_sees(p, q, k)) largest = std::max(largest, logit[k] = reference_logit(p, h, q, k));
        double total = p.sink_logits.empty() ? 0 : std::exp(p.sink_logits[h] - largest);
        for (int k = 0; k < p.n_keys; ++k) {
          if (logit[k] == kHidden) continue;
          const double weight = std::exp(logit[k] - largest);
          total += weight;
          for (int d = 0; d < dim; ++d)
            output[d] += weight * static_cast<double>(values(k, h / (p.n_heads / p.n_kv_heads), d));
        }
        for (const double x : output) expected.push_back(total > 0 ? x / total : 0);
      }
  }
};

struct Tolerances {
  double output;  // of values of size 1
  double sum;     // relative to 1 + the sum
  double logit;
};
// float32 sums of 64 products and a few hundred weights; 8 bits of bf16 in queries, keys and weights, which is an
// error of about 0.01 in a logit, and so of 1 % in a weight, with either sign.
constexpr Tolerances kOfF32{2e-5, 2e-5, 2e-5}, kOfBf16{0.05, 0.02, 0.05};

class FlashAttentionTest : public testing::TestWithParam<Number> {
 protected:
  void SetUp() override {
    ggml_cpu_init();
    if (GetParam() == Number::kBf16 && !Onednn::has_bf16()) GTEST_SKIP() << "no bf16 on this processor";
  }

  AttentionSums run(const AttentionProblem& p, const Node& node, int n_threads = 2) {
    const ggml_tensor* mask = node.node->src[3];
    mask_.read({mask->data, ElementType::kF16, mask->nb[1], static_cast<int>(mask->ne[0])},
               {p.query_position, p.query_sequence, p.key_position, p.key_sequence}, p.min_distance);
    EXPECT_TRUE(rows_of(mask_, rows_));
    const FlashAttention::Question question{&mask_, p.watched, true};
    return attention_.attend(node.node, 0, rows_, GetParam(), n_threads, &question);
  }

  void check(const ProblemOptions& options, int value_dim = 64) {
    SCOPED_TRACE(options.name);
    const AttentionProblem p = random_problem(options, 7);
    const Node node(p, options.key_type, options.n_padding, value_dim);
    ASSERT_TRUE(FlashAttention::supports(node.node));
    const AttentionSums sums = run(p, node);
    const Tolerances& allowed = GetParam() == Number::kF32 ? kOfF32 : kOfBf16;
    const auto* output = static_cast<const float*>(node.node->data);
    for (std::size_t i = 0; i < node.expected.size(); ++i)
      ASSERT_NEAR(output[i], node.expected[i], allowed.output) << "output " << i;
    const ReferenceSums expected = reference_sums(p);
    for (int h = 0; h < p.n_heads; ++h) {
      double total = sums.learned_mass[h];
      for (int k = 0; k < p.n_keys; ++k) {
        ASSERT_NEAR(sums.sums(h, k), expected.sums(h, k), allowed.sum * (1 + expected.sums(h, k))) << h << " " << k;
        ASSERT_NEAR(sums.far_sums(h, k), expected.far_sums(h, k), allowed.sum * (1 + expected.far_sums(h, k)));
        total += static_cast<double>(sums.sums(h, k));
      }
      EXPECT_NEAR(sums.learned_mass[h], expected.learned_mass[h], allowed.sum * (1 + expected.learned_mass[h]));
      // Exact in either precision: a row is divided by the sum of its weights as they are stored.
      EXPECT_NEAR(total, expected.queries_that_see, 1e-5 * expected.queries_that_see);
    }
    for (int q = 0; q < p.n_queries; ++q)
      for (std::size_t w = 0; w < p.watched.size(); ++w) {
        EXPECT_EQ(sums.watched_visible(q, w), expected.watched_visible(q, w));
        ASSERT_NEAR(sums.watched_attention(q, w), expected.watched_attention(q, w), allowed.sum);
        ASSERT_NEAR(sums.watched_logit(q, w), expected.watched_logit(q, w),
                    allowed.logit * (1 + std::fabs(expected.watched_logit(q, w))));
      }
    expect_evictions(p, node, sums);
    // Without a question the outputs are the same, and the rows are read from the mask itself.
    const std::vector<float> before(output, output + node.expected.size());
    std::vector<AttentionRow> rows;
    read_rows(node.node->src[3], 0, p.n_queries, p.n_keys + options.n_padding, 2, rows);
    attention_.attend(node.node, 0, rows, GetParam(), 2, nullptr);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), output));
  }

  // Costs made of the device's own attention and outputs, against attention without each key.
  void expect_evictions(const AttentionProblem& p, const Node& node, const AttentionSums& sums) {
    EvictionInputs inputs;
    inputs.n_heads = p.n_heads;
    inputs.n_kv_heads = p.n_kv_heads;
    inputs.value_dim = static_cast<int>(node.values.cols());
    const ggml_tensor* value = node.node->src[2];
    inputs.values = {value->data, value->type == GGML_TYPE_F32 ? ElementType::kF32 : ElementType::kF16, value->nb[1],
                     value->nb[2]};
    inputs.rounded_to_bf16 = sums.values_as_bf16;
    inputs.outputs = {node.node->data, ElementType::kF32, node.node->nb[2], node.node->nb[1]};
    inputs.attention = sums.watched_by_head;
    EXPECT_EQ(sums.values_as_bf16, GetParam() == Number::kBf16);
    const EvictionCosts found = eviction_cost_.compute(inputs, mask_, p.watched);
    const ReferenceEvictions expected = reference_evictions(p, node.values, static_cast<double>(kMostAttention));
    // An error of 1 % in a weight is one of 2 % in its square; of these each query has another.
    const double allowed = GetParam() == Number::kF32 ? 1e-3 : 0.1;
    for (std::size_t w = 0; w < p.watched.size(); ++w) {
      EXPECT_EQ(found.far_queries[w], expected.far_queries[w]);
      for (int h = 0; h < p.n_heads; ++h) {
        EXPECT_EQ(found.left_out(h, w), expected.left_out(h, w));
        ASSERT_NEAR(found.cost(h, w), expected.cost(h, w), 1e-6 + allowed * expected.cost(h, w)) << h << " " << w;
      }
    }
  }

  Onednn onednn_;
  FlashAttention attention_{onednn_};
  EvictionCost eviction_cost_;
  AttentionMask mask_;
  std::vector<AttentionRow> rows_;
};

// Two keys, logits 0 and ln 3: weights 1/4 and 3/4.
TEST_P(FlashAttentionTest, OneHotByHand) {
  AttentionProblem p;
  p.n_queries = p.n_keys = 2;
  p.head_dim = 32;
  p.scale = 1;
  p.q = Cube<float>(2, 1, 32);
  p.k = Cube<float>(2, 1, 32);
  p.q(1, 0, 0) = 1;
  p.k(1, 0, 0) = std::log(3.0f);
  p.mask = Matrix<float>(2, 2);
  p.mask(0, 1) = kHidden;
  p.query_position = p.key_position = {0, 1};
  p.query_sequence = p.key_sequence = {0, 0};
  p.min_distance = 1;
  p.watched = {0};
  const Node node(p, ElementType::kF32, 0, 32);
  const AttentionSums sums = run(p, node);
  const double tolerance = GetParam() == Number::kF32 ? 1e-6 : 2e-3;  // ln 3 has 8 bits in bf16
  EXPECT_NEAR(sums.sums(0, 0), 1.25, tolerance);
  EXPECT_NEAR(sums.sums(0, 1), 0.75, tolerance);
  EXPECT_NEAR(sums.far_sums(0, 0), 0.25, tolerance);
  EXPECT_EQ(sums.far_sums(0, 1), 0);
  EXPECT_NEAR(sums.watched_attention(1, 0), 0.25, tolerance);
}

TEST_P(FlashAttentionTest, EveryKindOfAttention) {
  check({.name = "causal", .n_watched = 5});
  check({.name = "longer than a tile", .n_queries = 100, .first_query = 1100, .min_distance = 64, .n_watched = 9});
  check({.name = "many blocks", .n_queries = 300, .first_query = 77, .n_heads = 6, .n_kv_heads = 2, .n_padding = 139});
  check({.name = "one head a KV head", .n_queries = 130, .n_heads = 3, .n_kv_heads = 3});
  check({.name = "seven heads a KV head", .n_queries = 70, .n_heads = 14, .n_kv_heads = 2, .n_watched = 4});
  check({.name = "one KV head of 32", .n_queries = 40, .n_heads = 32, .n_kv_heads = 1, .n_watched = 4});
  check({.name = "window", .n_queries = 200, .first_query = 700, .window = 100, .min_distance = 64, .n_watched = 9});
  check({.name = "packed", .n_queries = 150, .first_query = 50, .n_sequences = 3, .n_watched = 9});
  check({.name = "holes", .n_queries = 90, .first_query = 600, .hole_frac = 0.3, .n_watched = 9});
  check({.name = "ALiBi", .n_queries = 60, .first_query = 30, .n_heads = 6, .max_bias = 8, .n_watched = 5});
  check({.name = "soft cap", .n_queries = 60, .logit_softcap = 5, .n_watched = 5, .sharpness = 3});
  check({.name = "learned sinks", .n_queries = 60, .sink_logits = true, .n_watched = 5});
  check({.name = "float32 cache", .n_queries = 60, .key_type = ElementType::kF32});
}

TEST_P(FlashAttentionTest, EverySizeOfHead) {
  for (const int dim : {32, 80, 96, 128, 256}) check({.name = "head", .n_queries = 45, .head_dim = dim}, dim);
  check({.name = "wide values", .n_queries = 45, .head_dim = 192}, 128);
  check({.name = "shared latent", .n_queries = 20, .n_heads = 8, .n_kv_heads = 1, .head_dim = 576}, 512);
}

TEST_P(FlashAttentionTest, OneQuery) {
  check({.name = "one query", .n_queries = 1, .first_query = 90, .n_watched = 3});
}

// Logits that rise by hundreds from tile to tile: rows are made anew, what came before shrinks to nothing.
TEST_P(FlashAttentionTest, MaximumMovesFar) {
  ProblemOptions options{.name = "rising", .n_queries = 8, .first_query = 1500, .n_heads = 2, .head_dim = 64};
  AttentionProblem p = random_problem(options, 7);
  for (int k = 0; k < p.n_keys; ++k)
    for (int h = 0; h < p.n_kv_heads; ++h)
      for (float& x : p.k.row(k, h)) x = 0;
  for (int k = 0; k < p.n_keys; ++k) p.k(k, 0, 0) = p.k(k, 1, 0) = static_cast<float>(k / 256 * 64);
  for (int q = 0; q < p.n_queries; ++q)
    for (int h = 0; h < p.n_heads; ++h) p.q(q, h, 0) = q % 2 ? 2.0f : 0.125f;
  p.scale = 1;
  const Node node(p, ElementType::kF16, 0, 64);
  const AttentionSums sums = run(p, node);
  const ReferenceSums expected = reference_sums(p);
  const Tolerances& allowed = GetParam() == Number::kF32 ? kOfF32 : kOfBf16;
  for (int h = 0; h < p.n_heads; ++h)
    for (int k = 0; k < p.n_keys; ++k)
      ASSERT_NEAR(sums.sums(h, k), expected.sums(h, k), allowed.sum * (1 + expected.sums(h, k))) << h << " " << k;
  const auto* output = static_cast<const float*>(node.node->data);
  for (std::size_t i = 0; i < node.expected.size(); ++i)
    ASSERT_NEAR(output[i], node.expected[i], allowed.output) << "output " << i;
}

TEST_P(FlashAttentionTest, ThreadsDoNotChangeABit) {
  const AttentionProblem p =
      random_problem({.n_queries = 200, .first_query = 300, .n_heads = 6, .n_kv_heads = 2, .n_watched = 9}, 7);
  const Node node(p, ElementType::kF16, 0, 64);
  std::vector<float> first;
  for (const int n_threads : {1, 2, 5}) {
    const AttentionSums sums = run(p, node, n_threads);
    std::vector<float> all;
    for (const auto* matrix : {&sums.sums, &sums.far_sums, &sums.watched_attention, &sums.watched_logit})
      for (std::size_t r = 0; r < matrix->rows(); ++r)
        all.insert(all.end(), matrix->row(r).begin(), matrix->row(r).end());
    const auto* output = static_cast<const float*>(node.node->data);
    all.insert(all.end(), output, output + node.expected.size());
    if (first.empty()) first = all;
    EXPECT_EQ(all, first) << n_threads;
  }
}

TEST_P(FlashAttentionTest, NanReachesTheSums) {
  AttentionProblem p = random_problem({.n_queries = 20}, 7);
  p.q(7, 0, 3) = std::numeric_limits<float>::quiet_NaN();
  const Node node(p, ElementType::kF16, 0, 64);
  const AttentionSums sums = run(p, node);
  EXPECT_TRUE(std::isnan(sums.sums(0, 2)));
  EXPECT_FALSE(std::isnan(sums.sums(1, 2)));
}

// Sequences that take turns, near and far keys with them: the device leaves such sums to the reader of the node.
TEST(AttentionRows, FarKeysBehindNearOnes) {
  const AttentionProblem p = random_problem({.n_queries = 40, .n_sequences = 2, .interleaved = true}, 7);
  const StoredProblem stored(p, ElementType::kF16, ElementType::kF16, false, 0);
  AttentionMask mask;
  mask.read(stored.mask, stored.places, p.min_distance);
  std::vector<AttentionRow> rows;
  EXPECT_FALSE(rows_of(mask, rows));
}

INSTANTIATE_TEST_SUITE_P(Numbers, FlashAttentionTest, testing::Values(Number::kF32, Number::kBf16),
                         [](const auto& number) { return number.param == Number::kF32 ? "f32" : "bf16"; });

}  // namespace
}  // namespace sinkscope::accel
