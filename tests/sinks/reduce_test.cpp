#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "sinks/every_token.h"
#include "sinks/fields.h"
#include "tests/sinks/plain_measurement.h"

namespace sinkscope {
namespace {

TEST(Reduce, LearnedLogitsHaveAShareOfAllAttention) {
  SequenceMeasurement m = plain_measurement(200);
  for (std::size_t h = 0; h < 4; ++h) m.learned_mass(1, h) = 10.0 * static_cast<double>(h + 1);
  m.heads_in_layer[1] = 3;
  EXPECT_THAT(reduce(m, 0, {}).learned_share, testing::ElementsAre(0.0F, 0.1F)) << "(10 + 20 + 30) / 3 of 200 queries";
  m.has_attention[1] = 0;
  EXPECT_THAT(reduce(m, 0, {}).learned_share, testing::ElementsAre(0.0F, std::nullopt));
}

TEST(Reduce, KeepsTheFirstPositionsAndWhatPassesTheFloor) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(1, 3) = 40;                                                 // the candidate
  m.hidden_norm(0, 50) = 3, m.alignment.at(0, 3, 50) = 0.7F;                // at the floor
  m.hidden_norm(0, 51) = 2.9F, m.alignment.at(0, 3, 51) = 0.7F;             // too short
  m.hidden_norm(0, 52) = 3, m.alignment.at(1, 3, 52) = 0.7F;                // not in one layer
  for (std::size_t l = 0; l < 2; ++l) m.attention_far_sum(l, 0, 60) *= 16;  // mean 4.75 x, boost 9.5
  m.attention_far_sum(0, 0, 61) *= 16;                                      // in one block only
  const SequenceFigures figures = reduce(m, 7, {});
  EXPECT_EQ(figures.candidate, 3);
  EXPECT_EQ(figures.prompt_tokens, 7);
  EXPECT_EQ(figures.first_positions.size(), 8U);
  std::vector<int> kept;
  for (const auto& token : figures.tokens) kept.push_back(token.position);
  EXPECT_THAT(kept, testing::ElementsAre(50, 60));
  EXPECT_EQ(figures.first_positions[3].norm_ratio[1], 20);
  EXPECT_EQ(figures.ordinary_norm[0], 2);
  EXPECT_TRUE(figures.tokens[0].read_alignment[0]);
  EXPECT_FALSE(figures.tokens[0].read_alignment[1]) << "the last layer is read by no block";
}

TEST(Reduce, SeeksTheCandidateAmongThoseThatStand) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(1, 3) = 40;
  m.hidden_norm(1, 5) = 20;
  m.standing = {1, 5};
  EXPECT_EQ(reduce(m, 0, {}).candidate, 5);
}

// The shortest, and those that point away from the candidate too.
TEST(Reduce, KeepsEveryTokenIfAsked) {
  SequenceMeasurement m = plain_measurement(200);
  for (std::size_t l = 0; l < 2; ++l) {
    m.hidden_norm(l, 50) = 0.01F;
    m.hidden_norm(l, 60) = 0;
    m.alignment.at(l, 0, 60) = -1;
  }
  const SequenceFigures figures = reduce(m, 0, kEveryToken);
  EXPECT_EQ(figures.first_positions.size() + figures.tokens.size(), 200U);
}

TEST(Reduce, KeepsBothSignsForThePapersRule) {
  SequenceMeasurement m = plain_measurement(200);
  m.alignment.at(0, 2, 50) = -0.8F;
  CandidateFloor floor;
  floor.any_norm_both_signs = true;
  const SequenceFigures figures = reduce(m, 0, floor);
  ASSERT_EQ(figures.tokens.size(), 1U);
  EXPECT_EQ(figures.tokens[0].position, 50);
  ASSERT_EQ(figures.tokens[0].first_alignment.size(), 3U);
  EXPECT_EQ(figures.tokens[0].first_alignment[2][0], -0.8F);
  // Nothing else is kept of what that rule alone asks for, and the evidence rule's tokens stay as they are.
  EXPECT_FALSE(figures.tokens[0].hidden_norm[0].has_value());
  EXPECT_FALSE(figures.tokens[0].far_boost[0].has_value());
  m.alignment.at(0, 0, 60) = 0.95F;
  m.hidden_norm(0, 60) = 1000;
  const SequenceFigures both = reduce(m, 0, floor);
  ASSERT_EQ(both.tokens.size(), 2U);
  EXPECT_TRUE(both.tokens[1].hidden_norm[0].has_value());
  EXPECT_EQ(both.tokens[1].first_alignment.size(), 3U);
}

// Even attention but for the keys below; each head gives the others 0.01 of each query.
TEST(Reduce, ComparesFarBoostsWithThoseOfOrdinaryTokens) {
  SequenceMeasurement m = plain_measurement(300);
  const auto draw = [&](std::size_t layer, std::size_t first, std::size_t last, float times) {
    for (std::size_t t = first; t <= last; ++t) {
      for (std::size_t h = 0; h < 4; ++h) m.attention_far_sum(layer, h, t) *= times;
    }
  };
  draw(1, 3, 3, 8);
  const auto z = [&](std::size_t layer) { return reduce(m, 0, {}).first_positions[3].far_z[layer]; };
  const float eightfold = std::log(8.0F) / kMinFarSpread;
  EXPECT_NEAR(*z(0), 0, 1e-4);
  EXPECT_NEAR(*z(1), eightfold, 1e-3);
  EXPECT_NEAR(*reduce(m, 0, {}).first_positions[3].far_spread[1], kMinFarSpread, 1e-6);
  // Neighbours of position 3 are 8 .. 71. The first eight are none, and neither are tokens of long states in layer 0,
  // which block 1 reads; those of layer 1 are.
  draw(1, 0, 7, 2);
  for (std::size_t t = 8; t < 48; ++t) m.hidden_norm(0, t) = 40;
  draw(1, 8, 47, 2);
  EXPECT_NEAR(*z(1), eightfold + std::log(2.0F) / kMinFarSpread, 1e-3);
  for (std::size_t t = 8; t < 48; ++t) std::swap(m.hidden_norm(0, t), m.hidden_norm(1, t));
  EXPECT_NEAR(*z(1), eightfold, 1e-3) << "40 of 64 draw twice as much, and so does it";
  // The limit of ordinary norms is 5 times the lower quartile, 10: such a token is one still.
  for (std::size_t t = 8; t < 48; ++t) m.hidden_norm(0, t) = 10;
  EXPECT_NEAR(*z(1), eightfold, 1e-3);
  for (std::size_t t = 8; t < 48; ++t) m.hidden_norm(0, t) = 10.1F;
  EXPECT_NEAR(*z(1), eightfold + std::log(2.0F) / kMinFarSpread, 1e-3);
  // Of 168 tokens, 33 ordinary ones have enough far queries, of 150 only 15.
  EXPECT_TRUE(reduce(plain_measurement(168), 0, {}).first_positions[0].far_z[0]);
  EXPECT_FALSE(reduce(plain_measurement(150), 0, {}).first_positions[0].far_z[0]);
}

TEST(Reduce, MeasuresScoresByHeadAndGroup) {
  SequenceMeasurement m = plain_measurement(200);
  m.attention_sum(0, 2, 0) = 0.5F * 200;
  m.attention_sum(0, 3, 0) = 0.1F * 200;
  m.attention_far_sum(0, 2, 0) = 0.05F * 136;
  const TokenProfile token = reduce(m, 0, {}).first_positions[0];
  EXPECT_NEAR(*token.score[0], (0.01 + 0.01 + 0.5 + 0.1) / 4, 1e-6);
  EXPECT_NEAR(*token.score_head_max[0], 0.5, 1e-6);
  EXPECT_NEAR(*token.score_group_max[0], 0.3, 1e-6);
  EXPECT_NEAR(*token.sink_rate_02[0], 0.25, 1e-6);
  EXPECT_NEAR(*token.sink_rate_03[0], 0.25, 1e-6);
  EXPECT_EQ(token.sink_rate_05[0], 0) << "a score of 0.5 is not above 0.5";
  EXPECT_EQ(token.sink_rate_08[0], 0);
  EXPECT_NEAR(*token.attention_share[0], *token.score[0], 1e-7) << "all queries see it";
  EXPECT_NEAR(*token.far_score[0], 0.02, 1e-6);
  EXPECT_NEAR(*token.far_boost[0], 4, 1e-5);
  EXPECT_EQ(token.heads_over_10[0], 1);
}

// A query that does not see the key, as behind a window, gives it nothing.
TEST(Reduce, SharesAllAttentionOfTheSequence) {
  SequenceMeasurement m = plain_measurement(200);
  m.key_counts.table(0).queries[0] = 50;
  m.attention_sum(0, 0, 0) = 0.9F * 50;
  m.attention_sum(0, 1, 0) = 0.6F * 50;
  m.attention_sum(0, 2, 0) = 0.4F * 50;
  m.attention_sum(0, 3, 0) = 0.1F * 50;
  const TokenProfile token = reduce(m, 0, {}).first_positions[0];
  EXPECT_NEAR(*token.score[0], 0.5, 1e-6);
  EXPECT_NEAR(*token.attention_share[0], 0.125, 1e-6);
  EXPECT_EQ(token.sink_rate_02[0], 0.75F);
  EXPECT_EQ(token.sink_rate_05[0], 0.5F);
  EXPECT_EQ(token.sink_rate_08[0], 0.25F);
  const auto arrays = profile_arrays(m, 0, true);
  const auto named = [&](const char* name) { return *std::ranges::find(arrays, name, &ProfileArray::name); };
  EXPECT_EQ(named("first_token_share").shape, std::vector<std::size_t>{2});
  EXPECT_NEAR(named("first_token_share").values[0], 0.125, 1e-6);
  const ProfileArray by_head = named("first_token_share_by_head");
  EXPECT_EQ(by_head.shape, (std::vector<std::size_t>{2, 4}));
  EXPECT_FALSE(by_head.by_token);
  EXPECT_NEAR(by_head.values[1], 0.15, 1e-6);
  EXPECT_EQ(named("sink_rate_05").values[0], 0.5F);
}

TEST(Reduce, MeasuresEvictionCostsWhereAllFarQueriesWereWatched) {
  SequenceMeasurement m = plain_measurement(200);
  m.watched = {0, 50};
  m.logit_gap_sum = Cube<double>(2, 2, kPrimaryCandidates);
  m.logit_gap_queries = Cube<std::int32_t>(2, 2, kPrimaryCandidates);
  m.eviction_cost = Cube<double>(2, 2, 4);
  m.eviction_left_out = Matrix<std::int32_t>(2, 2);
  m.eviction_queries = Matrix<std::int32_t>(2, 2);
  for (std::size_t h = 0; h < 4; ++h) m.eviction_cost(0, 0, h) = static_cast<double>(h + 1);
  m.eviction_left_out(0, 0) = 3;
  m.eviction_queries(0, 0) = m.far_queries(0, 0);
  m.eviction_queries(0, 1) = m.far_queries(0, 50) - 1;
  const TokenProfile token = reduce(m, 0, {}).first_positions[0];
  EXPECT_EQ(token.eviction_cost[0], 2.5F);
  EXPECT_EQ(token.eviction_left_out[0], 3);
  const auto arrays = profile_arrays(m, 0, true);
  const auto named = [&](const char* name) { return *std::ranges::find(arrays, name, &ProfileArray::name); };
  EXPECT_EQ(named("eviction_cost").values[0], 2.5F);
  EXPECT_TRUE(std::isnan(named("eviction_cost").values[50])) << "one of its far queries is missing";
  EXPECT_TRUE(std::isnan(named("eviction_cost").values[1])) << "not watched";
  EXPECT_EQ(named("eviction_cost_by_head").values[2 * 200], 3);
}

// The channels of a token, beside the candidate's.
TEST(Reduce, MeasuresMassiveChannels) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(0, 3) = 40;
  m.channels.resize(2);
  m.channels[0] = {{3, {{4, 9, 2}, {-50, 20, 10}}}, {50, {{9, 7, 4}, {30, -8, 5}}}};
  m.channel_median = {0.5F, std::nullopt};
  m.hidden_norm(0, 50) = 9;
  m.alignment.at(0, 3, 50) = 1;
  const SequenceFigures figures = reduce(m, 0, {});
  ASSERT_EQ(figures.candidate, 3);
  EXPECT_EQ(figures.channel_median[0], 0.5F);
  const TokenProfile& primary = figures.first_positions[3];
  EXPECT_EQ(primary.massive_channel_1[0], 4);
  EXPECT_EQ(primary.massive_value_1[0], -50);
  EXPECT_EQ(primary.massive_ratio_1[0], 100);
  EXPECT_EQ(primary.massive_overlap[0], 3);
  EXPECT_FALSE(primary.massive_channel_1[1]);
  ASSERT_EQ(figures.tokens.size(), 1U);
  EXPECT_EQ(figures.tokens[0].massive_channel_2[0], 7);
  EXPECT_EQ(figures.tokens[0].massive_ratio_3[0], 10);
  EXPECT_EQ(figures.tokens[0].massive_overlap[0], 2);
  EXPECT_FALSE(figures.first_positions[0].massive_channel_1[0]);
}

// Most tokens have long states here, and values of 8; those that are ordinary have 2.
TEST(Reduce, ComparesValuesWithThoseOfOrdinaryTokens) {
  SequenceMeasurement m = plain_measurement(200);
  for (std::size_t t = 8; t < 140; ++t) {
    m.hidden_norm(0, t) = 40;
    m.value_norm(0, t) = 8;
  }
  m.value_norm(0, 3) = 0.5F;
  m.has_key_value[1] = 0;
  const TokenProfile token = reduce(m, 0, {}).first_positions[3];
  EXPECT_EQ(token.value_norm_ratio[0], 0.25F);
  EXPECT_FALSE(token.value_norm_ratio[1]);
}

// Channels are numbered from 0; a state of fewer than three has -1.
TEST(Reduce, MeasuresTheFirstChannelToo) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(0, 3) = 40;
  m.channels.resize(2);
  m.channels[0] = {{3, {{0, 1, -1}, {-50, 20, 0}}}};
  m.channel_median = {0.5F, std::nullopt};
  const TokenProfile primary = reduce(m, 0, {}).first_positions[3];
  EXPECT_EQ(primary.massive_channel_1[0], 0);
  EXPECT_EQ(primary.massive_value_1[0], -50);
  EXPECT_EQ(primary.massive_ratio_1[0], 100);
  EXPECT_EQ(primary.massive_channel_2[0], 1);
  EXPECT_FALSE(primary.massive_channel_3[0]);
  EXPECT_FALSE(primary.massive_value_3[0]);
  const auto arrays = profile_arrays(m, 3, true);
  const auto at_three = [&](const char* name) {
    return std::ranges::find(arrays, name, &ProfileArray::name)->values[3];
  };
  EXPECT_EQ(at_three("massive_channel_1"), 0);
  EXPECT_EQ(at_three("massive_value_1"), -50);
  EXPECT_EQ(at_three("massive_channel_2"), 1);
  EXPECT_TRUE(std::isnan(at_three("massive_channel_3")));
  EXPECT_TRUE(std::isnan(at_three("massive_value_3")));
}

TEST(Reduce, MeasuresNoFarFiguresWithFewQueries) {
  SequenceMeasurement m = plain_measurement(200);
  m.hidden_norm(0, 0) = 40;
  for (const std::size_t t : {72U, 73U}) {
    m.hidden_norm(0, t) = 9;
    m.alignment.at(0, 0, t) = 1;
  }
  const SequenceFigures figures = reduce(m, 0, {});
  ASSERT_EQ(figures.tokens.size(), 2U);
  EXPECT_TRUE(figures.tokens[0].far_boost[0]) << "64 far queries";
  EXPECT_FALSE(figures.tokens[1].far_boost[0]) << "63";
  EXPECT_TRUE(figures.tokens[1].score[0]);
}

TEST(Reduce, KnowsNoScoresOfALayerWithoutAttention) {
  SequenceMeasurement m = plain_measurement(200);
  m.has_attention[1] = 0;
  const TokenProfile token = reduce(m, 0, {}).first_positions[0];
  EXPECT_TRUE(token.score[0] && token.far_boost[0] && token.far_attention[0]);
  EXPECT_FALSE(token.score[1] || token.far_boost[1] || token.far_attention[1] || token.attention_share[1]);
  EXPECT_FALSE(token.sink_rate_03[1] || token.heads_over_10[1]);
}

TEST(Reduce, KnowsNoNormRatiosInShortTexts) {
  EXPECT_TRUE(reduce(plain_measurement(64), 0, {}).candidate);
  const SequenceFigures figures = reduce(plain_measurement(63), 0, {});
  EXPECT_FALSE(figures.candidate);
  EXPECT_FALSE(figures.first_positions[0].norm_ratio[0]);
  EXPECT_FALSE(figures.first_positions[0].alignment[0]);
  EXPECT_TRUE(figures.first_positions[0].hidden_norm[0]);
  EXPECT_EQ(reduce(plain_measurement(3), 0, {}).first_positions.size(), 3U);
}

TEST(Profiles, AreNotANumberWhereNotMeasured) {
  SequenceMeasurement m = plain_measurement(200);
  m.has_writes[1] = 0;
  const auto arrays = profile_arrays(m, 3, true);
  ASSERT_EQ(arrays.size(), profile_fields().size());
  for (const auto& array : arrays) {
    std::size_t count = 1;
    for (const std::size_t n : array.shape) count *= n;
    EXPECT_EQ(array.values.size(), count) << array.name;
    if (array.name == "alignment") {
      EXPECT_EQ(array.values[0], 0.1F);
    }
    if (array.name == "mlp_write_norm") {
      EXPECT_TRUE(!std::isnan(array.values[199]) && std::isnan(array.values[200]));
    }
    if (array.name == "read_alignment") {
      EXPECT_TRUE(std::isnan(array.values[200]));
    }
    if (array.name == "far_boost") {
      EXPECT_TRUE(!std::isnan(array.values[72]) && std::isnan(array.values[73]));
    }
  }
  EXPECT_TRUE(std::isnan(profile_arrays(m, std::nullopt, false)[1].values[0])) << "alignment with nobody";
}

TEST(Profiles, ByHeadHaveTheProfilesOfAllHeadsAsTheirMeans) {
  SequenceMeasurement m = plain_measurement(200);
  m.heads_in_layer[1] = 3;
  // Of key 0, 200 queries see it, 136 of them from far; uniform attention gives it 0.005 of each.
  m.attention_sum(0, 2, 0) = 0.5F * 200;
  m.attention_far_sum(0, 2, 0) = 0.05F * 136;
  const auto arrays = profile_arrays(m, 3, true);
  const auto named = [&](const std::string& name) -> const ProfileArray& {
    return *std::ranges::find(arrays, name, &ProfileArray::name);
  };
  const ProfileArray& scores = named("sink_score_by_head");
  const ProfileArray& boosts = named("far_boost_by_head");
  const auto at = [](const ProfileArray& array, std::size_t layer, std::size_t head, std::size_t token) {
    return array.values.at((layer * 4 + head) * 200 + token);
  };
  EXPECT_NEAR(at(scores, 0, 1, 0), 0.01, 1e-7);
  EXPECT_NEAR(at(scores, 0, 2, 0), 0.5, 1e-7);
  EXPECT_NEAR(at(boosts, 0, 1, 0), 2, 1e-5);
  EXPECT_NEAR(at(boosts, 0, 2, 0), 10, 1e-5);
  EXPECT_TRUE(!std::isnan(at(boosts, 0, 0, 72)) && std::isnan(at(boosts, 0, 0, 73))) << "64 far queries, and 63";
  EXPECT_FALSE(std::isnan(at(scores, 0, 0, 199)));
  for (const auto& [by_head, mean] : {std::pair{&scores, &named("sink_score")}, {&boosts, &named("far_boost")}}) {
    EXPECT_EQ(by_head->shape, (std::vector<std::size_t>{2, 4, 200}));
    for (std::size_t layer = 0; layer < 2; ++layer) {
      const std::size_t heads = layer == 0 ? 4 : 3;
      for (std::size_t token = 0; token < 200; ++token) {
        float sum = 0;
        for (std::size_t head = 0; head < heads; ++head) sum += at(*by_head, layer, head, token);
        const float expected = mean->values[layer * 200 + token];
        // Sums of four float32 in another order.
        if (std::isnan(expected)) {
          EXPECT_TRUE(std::isnan(sum)) << mean->name << " of token " << token;
        } else {
          EXPECT_NEAR(sum / static_cast<float>(heads), expected, 1e-6F * expected);
        }
      }
    }
    EXPECT_TRUE(std::isnan(at(*by_head, 1, 3, 0))) << "a head that the layer has not";
  }
}

}  // namespace
}  // namespace sinkscope
