// Figures of one key, from sums that can be read off: each head gives each key 0.01 of each query, uniform attention 0.005.
#include "sinks/attention_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "plain_measurement.h"
#include "sinks/fields.h"

namespace sinkscope {
namespace {

using testing::FloatNear;
using testing::Optional;

auto about(double value) { return Optional(FloatNear(static_cast<float>(value), 1e-6F)); }

// Key 0 of 200 has 136 far queries, key 135 has one, key 136 none.
TEST(AttentionFigures, FarSumsAreMeansOverHeads) {
  SequenceMeasurement m = plain_measurement(200);
  m.attention_far_sum(0, 2, 0) = 5.36F;
  EXPECT_NEAR(far_sums(m, 0, 0)->attention, (3 * 1.36 + 5.36) / 4, 1e-6);
  EXPECT_NEAR(far_sums(m, 0, 0)->even, 0.68, 1e-9);
  EXPECT_NEAR(far_sums(m, 0, 135)->attention, 0.01, 1e-8);
  EXPECT_FALSE(far_sums(m, 0, 136));
  m.heads_in_layer[0] = 1;
  EXPECT_NEAR(far_sums(m, 0, 0)->attention, 1.36, 1e-6) << "one head is enough";
  m.heads_in_layer[0] = 0;
  EXPECT_FALSE(far_sums(m, 0, 0));
  m.has_attention[1] = 0;
  EXPECT_FALSE(far_sums(m, 1, 0));
}

TEST(AttentionFigures, OfOneHeadAreItsOwn) {
  SequenceMeasurement m = plain_measurement(200);
  m.attention_sum(0, 2, 10) = 95;  // of 190 queries
  m.attention_far_sum(0, 2, 10) = 6.3F;  // of 126
  EXPECT_THAT(score_of_head(m, 0, 2, 10), about(0.5));
  EXPECT_THAT(score_of_head(m, 0, 3, 10), about(0.01));
  EXPECT_THAT(attention_share_of_head(m, 0, 2, 10), about(95.0 / 200));
  EXPECT_THAT(far_boost_of_head(m, 0, 2, 10), Optional(FloatNear(10, 1e-4F)));
  EXPECT_FALSE(score_of_head(m, 0, 4, 10) || attention_share_of_head(m, 0, 4, 10) || far_boost_of_head(m, 0, 4, 10));
  m.heads_in_layer[0] = 3;
  EXPECT_FALSE(score_of_head(m, 0, 3, 10) || attention_share_of_head(m, 0, 3, 10) || far_boost_of_head(m, 0, 3, 10));
  EXPECT_TRUE(score_of_head(m, 0, 2, 10) && attention_share_of_head(m, 0, 2, 10) && far_boost_of_head(m, 0, 2, 10));
  EXPECT_TRUE(far_boost_of_head(m, 0, 0, 72)) << "64 far queries";
  EXPECT_FALSE(far_boost_of_head(m, 0, 0, 73)) << "63";
  m.has_attention[0] = 0;
  EXPECT_FALSE(score_of_head(m, 0, 2, 10) || attention_share_of_head(m, 0, 2, 10) || far_boost_of_head(m, 0, 2, 10));
}

TEST(AttentionFigures, GroupsAreHeadsThatShareAKey) {
  SequenceMeasurement m = plain_measurement(200);
  for (std::size_t h = 0; h < 4; ++h) m.attention_sum(0, h, 0) = 20 * static_cast<float>(h + 1);  // 0.1 to 0.4
  const auto group_max = [&](int kv_heads) {
    m.kv_heads_in_layer[0] = kv_heads;
    return key_scores(m, 0, 0)->group_max;
  };
  EXPECT_NEAR(group_max(4), 0.4, 1e-6);
  EXPECT_NEAR(group_max(2), 0.35, 1e-6);
  EXPECT_NEAR(group_max(1), 0.25, 1e-6);
  EXPECT_NEAR(group_max(0), 0.25, 1e-6) << "as one that all share";
  m.heads_in_layer[0] = 3;  // two groups: two heads and one would be uneven, so each is one of its own
  EXPECT_NEAR(group_max(2), 0.3, 1e-6);
  EXPECT_NEAR(group_max(1), 0.2, 1e-6);
  EXPECT_NEAR(key_scores(m, 0, 0)->head_max, 0.3, 1e-6);
  m.key_counts.table(0).queries[0] = 0;
  EXPECT_FALSE(key_scores(m, 0, 0)) << "no query sees it";
}

TEST(AttentionFigures, SelectionRatesAreOfFarQueries) {
  SequenceMeasurement m = plain_measurement(200);
  EXPECT_FALSE(selection_rate(m, 0, 0)) << "nothing is selected in this network";
  m.key_counts.table(0).far_selected.assign(200, 34);
  EXPECT_THAT(selection_rate(m, 0, 0), about(0.25));
  EXPECT_THAT(selection_rate(m, 0, 72), about(34.0 / 64));
  EXPECT_FALSE(selection_rate(m, 0, 73)) << "63 far queries";
  EXPECT_EQ(reduce(m, 0, {}).first_positions[0].selection_rate[1], 0.25F);
}

// Keys 0 and 50 are watched; of key 50 two far queries were missed.
TEST(AttentionFigures, EvictionCostsAreOfAllFarQueriesThatReadTheKey) {
  SequenceMeasurement m = plain_measurement(200);
  EXPECT_FALSE(eviction_figures(m, 0, 0)) << "not asked for";
  m.watched = {0, 50};
  m.eviction_cost = Cube<double>(2, 2, 4);
  m.eviction_left_out = Matrix<std::int32_t>(2, 2);
  m.eviction_queries = Matrix<std::int32_t>(2, 2);
  for (std::size_t h = 0; h < 4; ++h) m.eviction_cost(0, 1, h) = static_cast<double>(h + 1);
  m.eviction_left_out(0, 1) = 7;
  m.eviction_queries(0, 0) = 136;
  m.eviction_queries(0, 1) = 84;
  EXPECT_EQ(eviction_figures(m, 0, 0)->cost, 0);
  EXPECT_FALSE(eviction_figures(m, 0, 50));
  EXPECT_FALSE(eviction_cost_of_head(m, 0, 0, 50));
  m.eviction_queries(0, 1) = 86;
  EXPECT_EQ(eviction_figures(m, 0, 50)->cost, 2.5F);
  EXPECT_EQ(eviction_figures(m, 0, 50)->left_out, 7);
  EXPECT_EQ(eviction_cost_of_head(m, 0, 0, 50), 1.0F);
  EXPECT_EQ(eviction_cost_of_head(m, 0, 3, 50), 4.0F);
  EXPECT_FALSE(eviction_cost_of_head(m, 0, 4, 50));
  EXPECT_FALSE(eviction_figures(m, 0, 49) || eviction_figures(m, 0, 51) || eviction_figures(m, 0, 1)) << "not watched";
  m.heads_in_layer[0] = 3;
  EXPECT_EQ(eviction_figures(m, 0, 50)->cost, 2);
  EXPECT_FALSE(eviction_cost_of_head(m, 0, 3, 50));
  // Where keys are selected, a query that did not select this one loses nothing.
  m.key_counts.table(0).far_selected.assign(200, 80);
  EXPECT_FALSE(eviction_figures(m, 0, 50));
  m.eviction_queries(0, 1) = 80;
  EXPECT_TRUE(eviction_figures(m, 0, 50));
}

// Gaps with the candidate, key 3: means over queries that see both, 64 at least.
TEST(AttentionFigures, LogitGapsAreMeansOverQueries) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(1, 3) = 40;
  m.watched = {3, 5};
  m.logit_gap_sum = Cube<double>(2, 2, kPrimaryCandidates);
  m.logit_gap_queries = Cube<std::int32_t>(2, 2, kPrimaryCandidates);
  m.logit_gap_sum(0, 1, 3) = m.logit_gap_sum(1, 1, 3) = -128;
  m.logit_gap_queries(0, 1, 3) = 64;
  m.logit_gap_queries(1, 1, 3) = 63;
  const SequenceFigures figures = reduce(m, 0, {});
  ASSERT_EQ(figures.candidate, 3);
  EXPECT_EQ(figures.first_positions[5].logit_gap[0], -2.0F);
  EXPECT_FALSE(figures.first_positions[5].logit_gap[1]) << "63 queries";
  EXPECT_FALSE(figures.first_positions[4].logit_gap[0]) << "not watched";
  EXPECT_FALSE(figures.first_positions[6].logit_gap[0]) << "not watched, behind all that are";
}

// With fewer than 64 tokens that count nothing is known of ordinary ones, however long the text.
TEST(AttentionFigures, StandAmongOrdinaryTokensIfThereAreEnough) {
  SequenceMeasurement m = plain_measurement(300);
  const auto far_z = [&] {
    const auto arrays = profile_arrays(m, 0, false);
    return std::ranges::find(arrays, "far_z", &ProfileArray::name)->values[20];
  };
  m.roles.n_counted.back() = 64;
  EXPECT_NEAR(far_z(), 0, 1e-4);
  m.roles.n_counted.back() = 63;
  EXPECT_TRUE(std::isnan(far_z()));
}

TEST(AttentionFigures, LearnedSharesAreOfAllQueries) {
  SequenceMeasurement m = plain_measurement(200);
  m.learned_mass(0, 0) = 40;
  m.learned_mass(0, 3) = 80;
  EXPECT_THAT(learned_share(m, 0), about((40.0 + 80) / 4 / 200));
}

}  // namespace
}  // namespace sinkscope
