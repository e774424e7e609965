#include "engine/attention/column_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <string>

#include "attention_inputs.h"
#include "attention_reference.h"
#include "base/error.h"

namespace sinkscope {
namespace {

using namespace testing_support;

// |fast - reference| <= relative * |reference| + absolute. Products and exponentials are float32: a dot product of d
// terms of size 1 is off by some 1e-7 * sqrt(d) * scale, which becomes a relative error of the score.
constexpr double kRelative = 1e-5, kAbsolute = 1e-7;

void expect_near(double fast, double reference, double scale, const std::string& where) {
  EXPECT_LE(std::abs(fast - reference), kRelative * std::abs(reference) + kAbsolute * scale)
      << where << ": " << fast << " instead of " << reference;
}

void expect_equal(const AttentionProblem& p, const AttentionSums& fast, const AttentionMask& mask) {
  const ReferenceSums slow = reference_sums(p);
  ASSERT_EQ(fast.sums.rows(), slow.sums.rows());
  ASSERT_EQ(fast.sums.cols(), slow.sums.cols());
  for (int h = 0; h < p.n_heads; ++h) {
    double total = fast.learned_mass[h];
    for (int k = 0; k < p.n_keys; ++k) {
      const std::string where = "head " + std::to_string(h) + " key " + std::to_string(k);
      total += fast.sums(h, k);
      expect_near(fast.sums(h, k), slow.sums(h, k), 1, "sum, " + where);
      expect_near(fast.far_sums(h, k), slow.far_sums(h, k), 1, "far sum, " + where);
    }
    EXPECT_NEAR(total, slow.queries_that_see, 1e-5 * p.n_queries) << "rows total 1";
    expect_near(fast.learned_mass[h], slow.learned_mass[h], 1, "learned mass");
  }
  EXPECT_EQ(mask.queries_that_see(), slow.queries_that_see);
  ASSERT_EQ(fast.watched_attention.cols(), p.watched.size());
  for (int q = 0; q < p.n_queries; ++q)
    for (std::size_t w = 0; w < p.watched.size(); ++w) {
      const std::string where = "query " + std::to_string(q) + " watched key " + std::to_string(p.watched[w]);
      EXPECT_EQ(fast.watched_visible(q, w), slow.watched_visible(q, w)) << where;
      expect_near(fast.watched_attention(q, w), slow.watched_attention(q, w), 1, "attention, " + where);
      expect_near(fast.watched_logit(q, w), slow.watched_logit(q, w), 20, "logit, " + where);
    }
  for (int h = 0; h < p.n_heads; ++h)
    for (int q = 0; q < p.n_queries; ++q) {
      const std::string where = "head " + std::to_string(h) + " query " + std::to_string(q);
      if (std::isinf(slow.log_z(h, q))) {
        EXPECT_EQ(fast.log_z(h, q), kHidden) << where;
      } else {
        expect_near(fast.log_z(h, q), slow.log_z(h, q), 20, "log Z, " + where);
      }
      for (std::size_t w = 0; w < p.watched.size(); ++w)
        expect_near(fast.watched_by_head[(static_cast<std::size_t>(h) * p.n_queries + q) * p.watched.size() + w],
                    slow.attention[h](q, w), 1, "attention, " + where + " watched key " + std::to_string(p.watched[w]));
    }
  const KeyVisibility seen = mask.visibility();
  for (int k = 0; k < p.n_keys; ++k) {
    EXPECT_EQ(seen.queries[k], slow.queries[k]) << "key " << k;
    EXPECT_EQ(seen.far_queries[k], slow.far_queries[k]) << "key " << k;
    EXPECT_NEAR(seen.far_uniform[k], slow.far_uniform[k], 1e-12 * p.n_queries) << "key " << k;
  }
}

// Two heads, four keys, one-hot vectors: head 0 of query 1 points at key 0, everything else at nothing.
AttentionProblem one_hot() {
  AttentionProblem p;
  p.n_queries = p.n_keys = 4;
  p.n_heads = 2;
  p.head_dim = 4;
  p.q = Cube<float>(4, 2, 4);
  p.k = Cube<float>(4, 1, 4);
  for (int k = 0; k < 4; ++k) p.k(k, 0, k) = 1;
  p.q(1, 0, 0) = std::log(3.0f);
  p.mask = Matrix<float>(4, 4, kHidden);
  for (int q = 0; q < 4; ++q)
    for (int k = 0; k <= q; ++k) p.mask(q, k) = 0;
  p.query_position = p.key_position = {0, 1, 2, 3};
  p.query_sequence = p.key_sequence = {0, 0, 0, 0};
  p.min_distance = 2;
  p.watched = {0, 3};
  return p;
}

class ColumnSumsTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  AttentionSums run(const AttentionProblem& p, const StoredProblem& stored, int n_threads = 2) {
    mask_.read(stored.mask, stored.places, p.min_distance, n_threads);
    return column_sums_.compute(stored.inputs, mask_, p.watched, true, n_threads);
  }

  void check(const ProblemOptions& options) {
    SCOPED_TRACE(options.name);
    const AttentionProblem p = random_problem(options, 7);
    const StoredProblem stored(p, options.key_type, options.mask_type, options.heads_outside, options.n_padding);
    expect_equal(p, run(p, stored), mask_);
  }

  AttentionMask mask_;
  ColumnSums column_sums_;
};

TEST_P(ColumnSumsTest, OneHotByHand) {
  const AttentionProblem p = one_hot();
  const StoredProblem stored(p, ElementType::kF32, ElementType::kF32, false, 0);
  const AttentionSums sums = run(p, stored);
  // Rows of head 0: 1 | 3/4 1/4 | 1/3 1/3 1/3 | 1/4 1/4 1/4 1/4. Head 1 has 1/2 1/2 in the second row.
  EXPECT_FLOAT_EQ(sums.sums(0, 0), 1 + 3 / 4.0f + 1 / 3.0f + 1 / 4.0f);
  EXPECT_FLOAT_EQ(sums.sums(0, 1), 1 / 4.0f + 1 / 3.0f + 1 / 4.0f);
  EXPECT_FLOAT_EQ(sums.sums(1, 0), 1 + 1 / 2.0f + 1 / 3.0f + 1 / 4.0f);
  EXPECT_FLOAT_EQ(sums.sums(0, 3), 1 / 4.0f);
  // Two positions later: queries 2 and 3 for key 0, query 3 for key 1.
  EXPECT_FLOAT_EQ(sums.far_sums(0, 0), 1 / 3.0f + 1 / 4.0f);
  EXPECT_FLOAT_EQ(sums.far_sums(0, 1), 1 / 4.0f);
  EXPECT_EQ(sums.far_sums(0, 2), 0);
  EXPECT_EQ(sums.learned_mass[0], 0);
  EXPECT_FLOAT_EQ(sums.watched_attention(1, 0), (3 / 4.0f + 1 / 2.0f) / 2);
  EXPECT_FLOAT_EQ(sums.watched_logit(1, 0), std::log(3.0f) / 2);
  EXPECT_EQ(sums.watched_visible(1, 1), 0);
  EXPECT_EQ(sums.watched_visible(3, 1), 1);
  EXPECT_EQ(sums.watched_attention(1, 1), 0);
  EXPECT_THAT(mask_.visibility().queries, testing::ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(mask_.visibility().far_queries, testing::ElementsAre(2, 1, 0, 0));
  EXPECT_THAT(mask_.visibility().far_uniform, testing::ElementsAre(1 / 3.0 + 1 / 4.0, 1 / 4.0, 0, 0));
  expect_equal(p, sums, mask_);
}

TEST_P(ColumnSumsTest, LearnedSinkByHand) {
  AttentionProblem p = one_hot();
  p.sink_logits = {std::log(2.0f), kHidden};
  const StoredProblem stored(p, ElementType::kF32, ElementType::kF16, false, 0);
  const AttentionSums sums = run(p, stored);
  EXPECT_NEAR(sums.learned_mass[0], 2 / 3.0 + 2 / 6.0 + 2 / 5.0 + 2 / 6.0, 1e-6);
  EXPECT_EQ(sums.learned_mass[1], 0);
  EXPECT_FLOAT_EQ(sums.sums(0, 3), 1 / 6.0f);
  expect_equal(p, sums, mask_);
}

TEST_P(ColumnSumsTest, AgreesWithReference) {
  using enum ElementType;
  const ProblemOptions kCases[] = {
      {.name = "causal"},
      {.name = "one query", .n_queries = 1, .first_query = 300},
      {.name = "one token", .n_queries = 1},
      {.name = "later micro-batch", .n_queries = 40, .first_query = 333, .n_watched = 7},
      {.name = "longer than several tiles", .n_queries = 150, .first_query = 600, .min_distance = 64, .n_watched = 64},
      {.name = "sliding window",
       .n_queries = 90,
       .first_query = 400,
       .window = 100,
       .min_distance = 64,
       .n_watched = 9},
      {.name = "narrow window", .n_queries = 90, .first_query = 400, .window = 5, .min_distance = 3, .n_watched = 9},
      {.name = "packed", .n_queries = 200, .first_query = 150, .n_sequences = 5, .min_distance = 20, .n_watched = 40},
      {.name = "packed and windowed", .n_queries = 170, .n_sequences = 3, .window = 30, .n_padding = 86},
      {.name = "interleaved",
       .n_queries = 150,
       .first_query = 350,
       .n_sequences = 3,
       .interleaved = true,
       .min_distance = 64,
       .n_watched = 40},
      {.name = "sees other sequences",
       .n_queries = 90,
       .first_query = 350,
       .n_sequences = 3,
       .interleaved = true,
       .across = true},
      {.name = "sees another sequence's tiles", .n_queries = 90, .first_query = 750, .n_sequences = 2, .across = true},
      {.name = "no groups", .n_heads = 5, .n_kv_heads = 5},
      {.name = "groups of three", .n_queries = 65, .first_query = 100, .n_heads = 9, .n_kv_heads = 3, .n_watched = 3},
      {.name = "groups of seven", .n_queries = 65, .n_heads = 14, .n_kv_heads = 2, .n_watched = 3},
      {.name = "one latent head", .n_queries = 21, .n_heads = 24, .n_kv_heads = 1, .head_dim = 576, .n_watched = 3},
      {.name = "soft cap", .first_query = 100, .logit_softcap = 5, .n_watched = 4, .sharpness = 4},
      {.name = "wide soft cap", .first_query = 100, .logit_softcap = 50, .n_watched = 4, .sharpness = 4},
      {.name = "alibi", .first_query = 200, .n_heads = 8, .max_bias = 8, .n_watched = 4},
      {.name = "alibi, odd heads", .first_query = 200, .n_heads = 12, .n_kv_heads = 12, .max_bias = 8, .n_watched = 4},
      {.name = "alibi, soft cap, f32 mask", .mask_type = kF32, .max_bias = 8, .logit_softcap = 9, .n_watched = 4},
      {.name = "learned sinks", .n_queries = 70, .window = 20, .sink_logits = true, .n_watched = 4},
      {.name = "holes", .first_query = 200, .hole_frac = 0.4, .n_watched = 64},
      {.name = "mostly holes", .n_queries = 64, .first_query = 10, .hole_frac = 0.97, .sink_logits = true},
      {.name = "padding", .first_query = 91, .n_padding = 384},
      {.name = "heads outside", .first_query = 91, .n_padding = 128, .heads_outside = true, .n_watched = 3},
      {.name = "f32 keys", .key_type = kF32, .mask_type = kF32},
      {.name = "bf16 keys", .key_type = kBF16, .mask_type = kBF16, .n_padding = 27},
      {.name = "head dim 1", .head_dim = 1},
      {.name = "head dim 80", .first_query = 100, .head_dim = 80},
      {.name = "head dim 96, bf16", .head_dim = 96, .key_type = kBF16},
      {.name = "head dim 192, f32", .head_dim = 192, .key_type = kF32},
      {.name = "head dim 100", .head_dim = 100},
      {.name = "head dim 128", .first_query = 100, .head_dim = 128},
      {.name = "head dim 256", .first_query = 100, .head_dim = 256},
      {.name = "sharp", .first_query = 300, .n_watched = 30, .sharpness = 4},
      {.name = "nothing far", .first_query = 300, .min_distance = 1 << 30},
      {.name = "all far", .first_query = 300, .min_distance = 0},
  };
  for (const ProblemOptions& options : kCases) check(options);
}

TEST_P(ColumnSumsTest, KeysThatCannotBeSeenDoNotMatterWhateverTheyHold) {
  for (const float value : {1e20f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    AttentionProblem p = random_problem({.n_queries = 40, .first_query = 30}, 3);
    for (const int key : {20, 69}) {  // in the midst of a row, and at its end
      for (int h = 0; h < p.n_kv_heads; ++h) std::ranges::fill(p.k.row(key, h), value);
      for (int q = 0; q < p.n_queries; ++q) p.mask(q, key) = kHidden;
    }
    const StoredProblem stored(p, ElementType::kF32, ElementType::kF16, false, 0);
    expect_equal(p, run(p, stored), mask_);
  }
}

// The running maximum of a row moves by hundreds at its last keys: what came before must shrink to nothing.
TEST_P(ColumnSumsTest, LogitsThatRiseAlongTheRow) {
  AttentionProblem p =
      random_problem({.n_queries = 40, .first_query = 460, .n_kv_heads = 4, .key_type = ElementType::kF32}, 3);
  // One dimension and small integers only: the logits, up to 499, are exact.
  const float kSlopes[] = {8, 1, 0, -8};
  for (int h = 0; h < 4; ++h) {
    for (int k = 0; k < p.n_keys; ++k) {
      std::ranges::fill(p.k.row(k, h), 0.0f);
      p.k(k, h, 0) = static_cast<float>(k);
    }
    for (int q = 0; q < p.n_queries; ++q) {
      std::ranges::fill(p.q.row(q, h), 0.0f);
      p.q(q, h, 0) = kSlopes[h];
    }
  }
  const StoredProblem stored(p, ElementType::kF32, ElementType::kF16, false, 0);
  expect_equal(p, run(p, stored), mask_);
}

// One query sees keys with logits 0, -1/32, -2/32, ...: their shares are the exponentials themselves.
TEST_P(ColumnSumsTest, ExponentialIsRightWithinOneMillionth) {
  AttentionProblem p;
  p.n_queries = 1;
  p.n_keys = 80 * 32 + 1;
  p.q = Cube<float>(1, 1, 1, 1.0f);
  p.k = Cube<float>(p.n_keys, 1, 1);
  for (int k = 0; k < p.n_keys; ++k) p.k(k, 0, 0) = static_cast<float>(-k) / 32;
  p.k(p.n_keys - 1, 0, 0) = -200;
  p.mask = Matrix<float>(1, p.n_keys);
  p.query_position = p.query_sequence = {0};
  p.key_position = p.key_sequence = std::vector<std::int32_t>(p.n_keys, 0);
  const StoredProblem stored(p, ElementType::kF32, ElementType::kF32, false, 0);
  const AttentionSums sums = run(p, stored);
  const double total = 1 / (1 - std::exp(-1 / 32.0));
  for (int k = 0; k + 1 < p.n_keys; ++k) {
    const double exact = std::exp(-k / 32.0) / total;
    EXPECT_NEAR(sums.sums(0, k) / exact, 1, 1e-6) << "exp of " << -k / 32.0;
  }
  EXPECT_EQ(sums.sums(0, p.n_keys - 1), 0);
}

TEST_P(ColumnSumsTest, NaNReachesTheSums) {
  for (const float softcap : {0.0f, 20.0f}) {
    AttentionProblem p = random_problem({.n_queries = 40, .first_query = 30, .logit_softcap = softcap}, 3);
    p.q(20, 1, 5) = std::numeric_limits<float>::quiet_NaN();
    const StoredProblem stored(p, ElementType::kF32, ElementType::kF16, false, 0);
    const AttentionSums sums = run(p, stored);
    double total[2] = {};
    for (int h = 0; h < 2; ++h)
      for (int k = 0; k < p.n_keys; ++k) total[h] += sums.sums(h, k);
    EXPECT_NEAR(total[0], 40, 1e-3);
    EXPECT_TRUE(std::isnan(total[1]));
  }
}

// One text in micro-batches gives what it gives at once.
TEST_P(ColumnSumsTest, MicroBatchesAddUp) {
  const AttentionProblem whole = random_problem({.n_queries = 300, .sink_logits = true, .min_distance = 64}, 11);
  const ReferenceSums expected = reference_sums(whole);
  Matrix<double> sums(whole.n_heads, whole.n_keys), far_sums(whole.n_heads, whole.n_keys);
  std::vector<double> learned_mass(whole.n_heads);
  int first = 0;
  for (const int n_queries : {120, 1, 179}) {
    AttentionProblem part = whole;
    part.n_queries = n_queries;
    part.n_keys = first + n_queries;
    part.q = Cube<float>(n_queries, whole.n_heads, whole.head_dim);
    part.k = Cube<float>(part.n_keys, whole.n_kv_heads, whole.head_dim);
    part.mask = Matrix<float>(n_queries, part.n_keys);
    for (int q = 0; q < n_queries; ++q) {
      for (int h = 0; h < whole.n_heads; ++h) std::ranges::copy(whole.q.row(first + q, h), part.q.row(q, h).begin());
      std::ranges::copy(whole.mask.row(first + q).first(part.n_keys), part.mask.row(q).begin());
    }
    for (int k = 0; k < part.n_keys; ++k)
      for (int h = 0; h < whole.n_kv_heads; ++h) std::ranges::copy(whole.k.row(k, h), part.k.row(k, h).begin());
    part.key_position.resize(part.n_keys);
    part.key_sequence.resize(part.n_keys);
    part.query_position.assign(part.key_position.begin() + first, part.key_position.end());
    part.query_sequence.assign(part.key_sequence.begin() + first, part.key_sequence.end());
    const StoredProblem stored(part, ElementType::kF16, ElementType::kF16, false, 0);
    const AttentionSums found = run(part, stored);
    for (int h = 0; h < whole.n_heads; ++h) {
      learned_mass[h] += found.learned_mass[h];
      for (int k = 0; k < part.n_keys; ++k) {
        sums(h, k) += found.sums(h, k);
        far_sums(h, k) += found.far_sums(h, k);
      }
    }
    first += n_queries;
  }
  for (int h = 0; h < whole.n_heads; ++h) {
    expect_near(learned_mass[h], expected.learned_mass[h], 1, "learned mass");
    for (int k = 0; k < whole.n_keys; ++k) {
      expect_near(sums(h, k), expected.sums(h, k), 1, "sum of key " + std::to_string(k));
      expect_near(far_sums(h, k), expected.far_sums(h, k), 1, "far sum of key " + std::to_string(k));
    }
  }
}

TEST_P(ColumnSumsTest, ThreadsDoNotChangeABit) {
  const ProblemOptions options{.n_queries = 300,
                               .first_query = 200,
                               .n_heads = 6,
                               .n_kv_heads = 2,
                               .n_sequences = 2,
                               .sink_logits = true,
                               .min_distance = 64,
                               .n_watched = 20};
  const AttentionProblem p = random_problem(options, 5);
  const StoredProblem stored(p, ElementType::kF16, ElementType::kF16, false, 12);
  std::vector<float> first;
  for (const int threads : {1, 2, 5, 2}) {
    const AttentionSums sums = run(p, stored, threads);
    std::vector<float> all;
    for (const auto& part : {sums.sums, sums.far_sums, sums.watched_attention, sums.watched_logit})
      for (std::size_t r = 0; r < part.rows(); ++r) all.insert(all.end(), part.row(r).begin(), part.row(r).end());
    for (const double mass : sums.learned_mass) all.push_back(static_cast<float>(mass));
    if (first.empty()) first = all;
    EXPECT_TRUE(first == all) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ColumnSumsTest, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

TEST(ColumnSums, NamesTheShapeThatIsWrong) {
  const AttentionProblem p = one_hot();
  StoredProblem stored(p, ElementType::kF32, ElementType::kF16, false, 0);
  AttentionMask mask;
  mask.read(stored.mask, stored.places, 1);
  ColumnSums column_sums;
  const auto expect_shape_error = [&](const AttentionInputs& inputs, std::span<const std::int32_t> watched) {
    try {
      column_sums.compute(inputs, mask, watched);
      FAIL() << "expected an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel) << error.what();
    }
  };
  AttentionInputs three_kv_heads = stored.inputs, one_sink = stored.inputs, half_queries = stored.inputs;
  three_kv_heads.n_kv_heads = 3;
  expect_shape_error(three_kv_heads, {});
  const float sink[] = {1};
  one_sink.sink_logits = sink;
  expect_shape_error(one_sink, {});
  half_queries.queries.type = ElementType::kF16;
  expect_shape_error(half_queries, {});
  const std::int32_t beyond[] = {0, 4}, descending[] = {2, 1};
  expect_shape_error(stored.inputs, beyond);
  expect_shape_error(stored.inputs, descending);
}

}  // namespace
}  // namespace sinkscope
