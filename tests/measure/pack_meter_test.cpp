#include "measure/pack_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_network.h"

namespace sinkscope {
namespace {

using Row = std::span<const float>;

double dot(Row a, Row b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}
double norm(Row a) { return std::sqrt(dot(a, a)); }
double cosine(Row a, Row b) { return dot(a, b) / norm(a) / norm(b); }
std::vector<float> minus(Row a, Row b) {
  std::vector<float> difference(a.begin(), a.end());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] -= b[i];
  return difference;
}

// Sums of about 40 products in float32, against the same in float64.
constexpr double kRounding = 1e-5;

// What a measurement of random states must be, computed slowly from all of them. Random norms are all ordinary.
void expect_measures(const ModelFacts& facts, const FakeSequence& s, const SequenceMeasurement& m, int min_distance) {
  const auto tokens = static_cast<std::size_t>(s.n_tokens);
  const std::size_t candidates = std::min<std::size_t>(kPrimaryCandidates, tokens);
  ASSERT_EQ(m.n_tokens, s.n_tokens);
  ASSERT_EQ(m.n_candidates, static_cast<int>(candidates));
  for (std::size_t l = 0; l < static_cast<std::size_t>(facts.n_layers); ++l) {
    const bool is_last = l + 1 == static_cast<std::size_t>(facts.n_layers);
    EXPECT_EQ(m.has_read[l], !is_last);
    EXPECT_TRUE(m.has_writes[l] && m.has_attention[l] && m.has_key_value[l]);
    for (std::size_t t = 0; t < tokens; ++t) {
      const Row h = s.block[l].row(t);
      const Row before = l == 0 ? s.embedding.row(t) : s.block[l - 1].row(t);
      const auto attention_write = minus(s.mid[l].row(t), before);
      const auto mlp_write = minus(h, s.mid[l].row(t));
      EXPECT_NEAR(m.hidden_norm(l, t), norm(h), kRounding * norm(h));
      EXPECT_NEAR(m.attn_write_norm(l, t), norm(attention_write), kRounding * norm(attention_write));
      EXPECT_NEAR(m.mlp_write_norm(l, t), norm(mlp_write), kRounding * norm(mlp_write));
      EXPECT_EQ(m.key_norm(l, t), static_cast<float>(t + 1));
      EXPECT_EQ(m.value_norm(l, t), static_cast<float>(l + 1));
      for (std::size_t c = 0; c < candidates; ++c) {
        const Row hc = s.block[l].row(c);
        EXPECT_NEAR(m.alignment(l, c, t), cosine(h, hc), kRounding) << "layer " << l << ", " << c << " and " << t;
        EXPECT_NEAR(m.mlp_write_alignment(l, c, t), cosine(mlp_write, hc), kRounding);
        if (is_last) continue;
        EXPECT_NEAR(m.read_alignment(l, c, t), cosine(s.read[l].row(t), s.read[l].row(c)), kRounding);
      }
      int queries = 0, far_queries = 0;
      double far_uniform = 0;
      for (std::size_t q = t; q < tokens; ++q) {
        ++queries;
        if (q - t < static_cast<std::size_t>(min_distance)) continue;
        ++far_queries;
        far_uniform += 1.0 / static_cast<double>(q + 1);
      }
      EXPECT_EQ(m.visible_queries(l, t), queries);
      EXPECT_EQ(m.far_queries(l, t), far_queries);
      EXPECT_NEAR(m.far_uniform(l, t), far_uniform, 1e-9);
      for (std::size_t head = 0; head < static_cast<std::size_t>(facts.n_heads_max); ++head) {
        double sum = 0, far_sum = 0;
        for (std::size_t q = t; q < tokens; ++q) {
          const double attention = s.attention(l, head, q)[t];
          sum += attention;
          if (q - t >= static_cast<std::size_t>(min_distance)) far_sum += attention;
        }
        EXPECT_NEAR(m.attention_sum(l, head, t), sum, kRounding * (1 + sum));
        EXPECT_NEAR(m.attention_far_sum(l, head, t), far_sum, kRounding * (1 + far_sum));
      }
    }
    for (std::size_t other = 0; other < static_cast<std::size_t>(facts.n_layers); ++other) {
      for (std::size_t c = 0; c < candidates; ++c) {
        EXPECT_NEAR(m.self_cosine[c](l, other), cosine(s.block[l].row(c), s.block[other].row(c)), kRounding);
      }
    }
  }
}

std::vector<float> mean_of_ordinary(const FakeSequence& s, std::size_t layer, std::size_t end) {
  std::vector<double> sum(s.block[layer].cols());
  for (std::size_t t = kPrimaryCandidates; t < end; ++t) {
    for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += static_cast<double>(s.block[layer](t, j));
  }
  std::vector<float> mean;
  for (const double x : sum) mean.push_back(static_cast<float>(x / static_cast<double>(end - kPrimaryCandidates)));
  return mean;
}

// By micro-batch: 1 cuts everything, 5 cuts the first 8 positions, 70 needs more than one task.
class MicroBatches : public testing::TestWithParam<int> {};

TEST_P(MicroBatches, MeasureTheSameAsASlowPassOverEverything) {
  const ModelFacts facts = fake_facts(3, 37, 2);
  const std::vector<FakeSequence> sequences{{facts, 90, 1}};
  MeterOptions options;
  options.min_distance = 16;
  const auto measured = FakeNetwork(facts, sequences).measure(GetParam(), options);
  ASSERT_EQ(measured.size(), 1U);
  expect_measures(facts, sequences[0], measured[0], options.min_distance);
}

TEST_P(MicroBatches, CentreByTheMeanUpToTheirEnd) {
  const ModelFacts facts = fake_facts(2, 20, 1);
  const std::vector<FakeSequence> sequences{{facts, 80, 2}};
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(GetParam())[0];
  const FakeSequence& s = sequences[0];
  ASSERT_TRUE(m.has_centred);
  for (std::size_t t = 0; t < 80; ++t) {
    // The first 8 positions wait for the mean of the whole sequence.
    const std::size_t batch = static_cast<std::size_t>(GetParam());
    const std::size_t end = t < kPrimaryCandidates ? 80 : std::min<std::size_t>(80, (t / batch + 1) * batch);
    const auto mean = mean_of_ordinary(s, 1, end);
    const auto centred = minus(s.block[1].row(t), mean);
    for (std::size_t c = 0; c < kPrimaryCandidates; ++c) {
      // A micro-batch of one has the mean of position 8 alone, which is that token: a vector of rounding errors.
      if (norm(centred) < 1e-3) continue;
      EXPECT_NEAR(m.centred_alignment(1, c, t), cosine(centred, minus(s.block[1].row(c), mean)), kRounding) << t;
    }
  }
}

TEST_P(MicroBatches, MeasureAPackAsItsSequencesAlone) {
  const ModelFacts facts = fake_facts(2, 24, 2);
  const std::vector<FakeSequence> sequences{{facts, 30, 3}, {facts, 5, 4}, {facts, 1, 5}, {facts, 41, 6}};
  MeterOptions options;
  options.min_distance = 4;
  const auto measured = FakeNetwork(facts, sequences).measure(GetParam(), options);
  ASSERT_EQ(measured.size(), sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    expect_measures(facts, sequences[i], measured[i], options.min_distance);
  }
}

TEST_P(MicroBatches, ShowWhatWasMeasuredSoFar) {
  const ModelFacts facts = fake_facts(2, 24, 2);
  const std::vector<FakeSequence> sequences{{facts, 20, 7}, {facts, 90, 8}};
  MeterOptions options;
  options.min_distance = 4;
  int looks = 0;
  FakeNetwork(facts, sequences).measure(GetParam(), options, [&](const PackMeter& meter, int n_shown) {
    EXPECT_FALSE(n_shown > 20 && meter.so_far(0).has_value());
    const auto measured = meter.so_far(1);
    FakeSequence shorter = sequences[1];
    shorter.n_tokens = n_shown - 20;
    ASSERT_EQ(measured.has_value(), shorter.n_tokens >= kPrimaryCandidates && shorter.n_tokens < 90);
    if (!measured || ++looks % 16 != 1) return;  // slow
    expect_measures(facts, shorter, *measured, options.min_distance);
  });
  EXPECT_EQ(looks > 0, GetParam() < 110);
}

TEST_P(MicroBatches, AddUpLogitGapsOfTheCandidates) {
  const ModelFacts facts = fake_facts(2, 16, 2);
  const std::vector<FakeSequence> sequences{{facts, 60, 7}};
  MeterOptions options;
  options.min_distance = 10;
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(GetParam(), options)[0];
  ASSERT_THAT(m.watched, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  for (std::size_t l = 0; l < 2; ++l) {
    const auto& logit = sequences[0].logit[l];
    for (std::size_t key = 0; key < 8; ++key) {
      for (std::size_t c = 0; c < 8; ++c) {
        double sum = 0;
        int queries = 0;
        for (std::size_t q = std::max(key, c) + 10; q < 60; ++q) {
          for (std::size_t h = 0; h < 2; ++h) sum += static_cast<double>(logit(h, q, key) - logit(h, q, c)) / 2;
          ++queries;
        }
        EXPECT_EQ(m.logit_gap_queries(l, key, c), queries);
        EXPECT_NEAR(m.logit_gap_sum(l, key, c), sum, 1e-4);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MicroBatches, testing::Values(1, 5, 32, 70, 200));

// Token 40 shows evidence in layers 1 and 2: as long as position 0, in its direction, when all others are short.
FakeSequence with_evidence(const ModelFacts& facts, const std::vector<int>& positions, std::size_t first_layer) {
  FakeSequence s(facts, 300, 8);
  for (std::size_t l = first_layer; l < first_layer + 2; ++l) {
    for (float& x : s.block[l].row(0)) x *= 5;
    for (const int p : positions) {
      std::ranges::copy(s.block[l].row(0), s.block[l].row(static_cast<std::size_t>(p)).begin());
    }
  }
  return s;
}

TEST(Watching, TakesUpKeysWithEvidenceInTwoLayers) {
  const ModelFacts facts = fake_facts(5, 32, 1);
  const std::vector<FakeSequence> sequences{with_evidence(facts, {100, 240}, 1)};
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(128)[0];
  ASSERT_THAT(m.watched, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 100, 240));
  EXPECT_EQ(m.n_watch_overflow, 0);
  // Evidence of layers 1 and 2: watched from block 3 on in the first micro-batch, everywhere later.
  const auto far_from = [](int first_query) { return 300 - first_query; };
  EXPECT_EQ(m.logit_gap_queries(0, 8, 0), far_from(164));
  EXPECT_EQ(m.logit_gap_queries(4, 8, 0), far_from(164));
  double sum = 0;
  for (std::size_t q = 164; q < 300; ++q) {
    sum += static_cast<double>(sequences[0].logit[4](0, q, 100) - sequences[0].logit[4](0, q, 0));
  }
  EXPECT_NEAR(m.logit_gap_sum(4, 8, 0), sum, 1e-3);
}

TEST(Watching, CountsTheKeysThatFindNoPlace) {
  const ModelFacts facts = fake_facts(4, 32, 1);
  std::vector<int> positions;
  for (int i = 0; i < kWatchedKeys + 3; ++i) positions.push_back(20 + 4 * i);
  const std::vector<FakeSequence> sequences{with_evidence(facts, positions, 0)};
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(512)[0];
  EXPECT_EQ(m.watched.size(), static_cast<std::size_t>(kPrimaryCandidates + kWatchedKeys));
  EXPECT_TRUE(std::ranges::is_sorted(m.watched));
  EXPECT_EQ(m.n_watch_overflow, 3);
}

TEST(Overflow, IsNamedAsWhatItIs) {
  const ModelFacts facts = fake_facts(2, 16, 1);
  PackMeter meter(facts, {{{1, 2, 3}}}, {});
  const std::vector<float> fine{1, 2, 3}, large{1, std::numeric_limits<float>::infinity(), 3};
  meter.on_key_value({1, 0, fine, fine});
  expect_error(ErrorCode::kModel, "block 1, token 1: expected keys that the key-value cache can hold",
               [&] { meter.on_key_value({1, 0, large, fine}); });
  expect_error(ErrorCode::kModel, "--cache-type-k f32", [&] { meter.on_key_value({1, 0, fine, large}); });
}

TEST(Watching, AddsUpEvictionCosts) {
  const ModelFacts facts = fake_facts(5, 32, 2);
  const std::vector<FakeSequence> sequences{with_evidence(facts, {100, 240}, 1), {facts, 90, 9}};
  const auto measured = FakeNetwork(facts, sequences).measure(128);
  const SequenceMeasurement& m = measured[0];
  ASSERT_THAT(m.watched, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 100, 240));
  const auto sum_from = [](int first_query) {
    double sum = 0;
    for (int q = first_query; q < 300; ++q) sum += q + 1;
    return sum;
  };
  EXPECT_EQ(m.eviction_queries(2, 3), 300 - 67);
  EXPECT_EQ(m.eviction_cost(2, 3, 0), sum_from(67));
  EXPECT_EQ(m.eviction_cost(2, 3, 1), 2 * sum_from(67));
  EXPECT_EQ(m.eviction_left_out(2, 3), 23) << "70, 80, ..., 290";
  EXPECT_EQ(m.eviction_cost(0, 8, 0), sum_from(164)) << "far queries come in later micro-batches only";
  EXPECT_EQ(measured[1].eviction_queries(0, 0), 90 - 64);
  MeterOptions without;
  without.eviction_cost = false;
  EXPECT_EQ(FakeNetwork(facts, sequences).measure(128, without)[0].eviction_queries(2, 3), 0);
}

TEST(PackMeter, TakesTheWritesOfParallelBlocksFromTheirNodes) {
  ModelFacts facts = fake_facts(3, 24, 1);
  facts.has_mid_residual.assign(3, false);
  const std::vector<FakeSequence> sequences{{facts, 20, 9}};
  MeterOptions options;
  options.min_distance = 4;
  expect_measures(facts, sequences[0], FakeNetwork(facts, sequences).measure(6, options)[0], 4);
}

TEST(PackMeter, SaysWhatTheNetworkLacks) {
  ModelFacts facts = fake_facts(2, 8, 1);
  facts.has_mid_residual.assign(2, false);
  facts.has_writes.assign(2, false);
  const std::vector<FakeSequence> sequences{{facts, 12, 10}};
  MeterOptions options;
  options.attention = options.read_alignment = options.centred_alignment = false;
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(12, options)[0];
  EXPECT_THAT(m.has_writes, testing::Each(0));
  EXPECT_THAT(m.has_attention, testing::Each(0));
  EXPECT_THAT(m.has_read, testing::Each(0));
  EXPECT_FALSE(m.has_centred);
}

// Position 2 is far longer than any other in every layer.
FakeSequence with_one_long_position(const ModelFacts& facts, int n_tokens) {
  FakeSequence s(facts, n_tokens, 13);
  for (auto& states : s.block) {
    for (float& x : states.row(2)) x *= 20;
  }
  return s;
}

TEST(Candidates, AreGivenUpWhereAnotherStandsOut) {
  const ModelFacts facts = fake_facts(2, 24, 1);
  const std::vector<FakeSequence> sequences{with_one_long_position(facts, 400)};
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(100)[0];
  ASSERT_THAT(m.standing, testing::ElementsAre(2));
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t t = 0; t < 400; ++t) {
      const auto& block = sequences[0].block[l];
      ASSERT_NEAR(m.alignment(l, 2, t), cosine(block.row(t), block.row(2)), kRounding) << l << ' ' << t;
      ASSERT_TRUE(std::isnan(m.alignment(l, 0, t)));
    }
  }
}

TEST(Candidates, AllStandInAShortTextAndWhereNoneStandsOut) {
  const ModelFacts facts = fake_facts(2, 24, 1);
  const std::vector<FakeSequence> shorter{with_one_long_position(facts, 200)};
  EXPECT_EQ(FakeNetwork(facts, shorter).measure(100)[0].standing.size(), 8U);
  const std::vector<FakeSequence> even{{facts, 400, 14}};
  EXPECT_EQ(FakeNetwork(facts, even).measure(100)[0].standing.size(), 8U);
}

TEST(Candidates, AreKeptWhereTheyAreAskedFor) {
  const ModelFacts facts = fake_facts(2, 24, 1);
  const std::vector<FakeSequence> sequences{with_one_long_position(facts, 400)};
  MeterOptions options;
  options.n_kept_positions = 2;
  const SequenceMeasurement m = FakeNetwork(facts, sequences).measure(100, options)[0];
  ASSERT_THAT(m.standing, testing::ElementsAre(0, 1, 2));
  EXPECT_NEAR(m.alignment(1, 1, 399), cosine(sequences[0].block[1].row(399), sequences[0].block[1].row(1)), kRounding);
}

TEST(KeyCounts, GivesLayersTablesOfTheirOwnOnceTheirMasksDiffer) {
  const std::vector<std::int32_t> two{2, 1, 0}, three{3, 2, 1}, none(3);
  const std::vector<double> uniform{0.5, 0.25, 0};
  KeyCounts counts(4, 3);
  // At first all layers see the same; layer 3 has no attention.
  for (int layer = 0; layer < 3; ++layer) counts.note(layer, {two, none, uniform, {}});
  counts.add_noted();
  for (const int layer : {0, 2}) counts.note(layer, {three, two, uniform, {}});
  counts.note(1, {two, none, uniform, {}});
  counts.add_noted();
  EXPECT_EQ(counts.n_tables(), 3U);
  EXPECT_EQ(&counts.of(0), &counts.of(2));
  EXPECT_THAT(counts.of(0).queries, testing::ElementsAre(5, 3, 1));
  EXPECT_THAT(counts.of(0).far_queries, testing::ElementsAre(2, 1, 0));
  EXPECT_THAT(counts.of(1).queries, testing::ElementsAre(4, 2, 0));
  EXPECT_THAT(counts.of(1).far_queries, testing::ElementsAre(0, 0, 0));
  EXPECT_THAT(counts.of(1).far_uniform, testing::ElementsAre(1, 0.5, 0));
  EXPECT_THAT(counts.of(3).queries, testing::ElementsAre(0, 0, 0));
}

TEST(PackMeter, RefusesStatesThatAreNotFinite) {
  const ModelFacts facts = fake_facts(2, 8, 1);
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<FakeSequence> sequences{{facts, 12, 11}};
    sequences[0].block[1](9, 3) = broken;
    expect_error(ErrorCode::kModel, "block 1, position 9", [&] { FakeNetwork(facts, sequences).measure(12); });
  }
}

TEST(PackMeter, RefusesAttentionThatDoesNotAddUp) {
  const ModelFacts facts = fake_facts(2, 8, 1);
  const std::vector<FakeSequence> sequences{{facts, 12, 12}};
  FakeNetwork network(facts, sequences);
  network.lost_mass = 12 * 0.5e-3;
  EXPECT_NO_THROW(network.measure(12));
  network.lost_mass = 12 * 2e-3;
  expect_error(ErrorCode::kModel, "block 0, head 0", [&] { network.measure(12); });
}

TEST(PackMeter, RefusesEventsThatDoNotFitThePack) {
  const ModelFacts facts = fake_facts(1, 4, 1);
  const Pack pack{{{0, 0, 0}}};
  const Matrix<float> rows(2, 4);
  PackMeter late(facts, pack, {});
  expect_error(ErrorCode::kInternal, "expected tokens from 0",
               [&] { late.on_state({ProbePoint::kEmbedding, -1, 1, rows.view()}); });
  PackMeter unfinished(facts, pack, {});
  unfinished.on_state({ProbePoint::kEmbedding, -1, 0, rows.view()});
  expect_error(ErrorCode::kInternal, "all tokens", [&] { unfinished.take(); });
}

}  // namespace
}  // namespace sinkscope
