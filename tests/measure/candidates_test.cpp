// Which candidates stand, their cosines, and how many queries saw each key: by hand.
#include "measure/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "measure/candidate_cosines.h"
#include "measure/key_counts.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;

std::vector<TokenId> different_tokens(int n) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

TEST(MeanNormRatios, ALayerWithoutAMedianCounts0) {
  Matrix<float> norms(4, 3, 6.0F);
  norms(0, 2) = 12;
  norms(3, 2) = 18;
  const std::vector<std::optional<OrdinaryNorms>> ordinary = {OrdinaryNorms{10, 2}, std::nullopt, OrdinaryNorms{0, 0},
                                                              OrdinaryNorms{10, 3}};
  const std::vector<int> candidates = {0, 2};
  EXPECT_THAT(mean_norm_ratios(norms, ordinary, candidates), ElementsAre((3 + 2) / 4.0, (6 + 6) / 4.0));
}

TEST(StandingCandidates, HaveAQuarterOfTheLargest) {
  const TokenRoles roles(different_tokens(12), VocabularyFacts{}, 0);
  Matrix<float> norms(1, 12, 1.0F);
  const std::vector<float> first = {2, 8, 1.9F, 4, 0.5, 2, 1, 1};
  std::ranges::copy(first, norms.row(0).begin());
  EXPECT_THAT(standing_candidates(norms, 12, roles), ElementsAre(0, 1, 3, 5));
  EXPECT_THAT(standing_candidates(norms, 8, roles), testing::SizeIs(8)) << "nothing is ordinary yet";
}

TEST(StandingCandidates, AreAllUntilTheLastHasCome) {
  VocabularyFacts facts;
  facts.bos = 9;
  std::vector<TokenId> tokens = different_tokens(110);
  tokens[100] = 9;
  const TokenRoles roles(tokens, facts, 0);
  ASSERT_EQ(roles.candidates.back(), 100);
  Matrix<float> norms(1, 110, 1.0F);
  norms(0, 1) = 8;
  EXPECT_THAT(standing_candidates(norms, 100, roles), testing::SizeIs(8));
  EXPECT_THAT(standing_candidates(norms, 101, roles), ElementsAre(1));
}

TEST(CandidateCosines, KeepWhatStaysAndForgetTheRest) {
  CandidateCosines cosines(2, 3);
  cosines.resize(2);
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t t = 0; t < 2; ++t) cosines.at(l, c, t) = static_cast<float>(100 * l + 10 * c + t);
    }
  }
  cosines.resize(3);
  EXPECT_EQ(cosines(1, 2, 1), 121);
  EXPECT_EQ(cosines(1, 2, 2), 0) << "new";
  EXPECT_FALSE(cosines.holds(3));
  cosines.resize(1);
  EXPECT_EQ(cosines(1, 2, 0), 120);
  const std::vector<std::size_t> two = {0, 2}, last = {2};
  cosines.keep_only(two, 4);
  EXPECT_EQ(cosines(0, 2, 0), 20);
  EXPECT_EQ(cosines(1, 0, 0), 100);
  EXPECT_FALSE(cosines.holds(1));
  EXPECT_TRUE(std::isnan(cosines(0, 1, 0)));
  cosines.at(0, 2, 3) = 7;
  cosines.keep_only(last, 4);
  EXPECT_EQ(cosines(0, 2, 3), 7);
  EXPECT_FALSE(cosines.holds(0));
}

TEST(ClampedCosine, IsFromMinusOneToOne) {
  EXPECT_EQ(clamped_cosine(6, 2, 4), 0.75F);
  EXPECT_EQ(clamped_cosine(9, 2, 4), 1);
  EXPECT_EQ(clamped_cosine(-9, 2, 4), -1);
  EXPECT_EQ(clamped_cosine(6, 0, 4), 0) << "no length, no direction";
}

TEST(SelfCosines, CompareACandidateWithItselfInOtherLayers) {
  Cube<float> states(3, 2, 2);  // layers, candidates, width
  const float of_second[3][2] = {{3, 4}, {0, 5}, {0, 0}};
  for (std::size_t l = 0; l < 3; ++l) std::ranges::copy(of_second[l], states.row(l, 1).begin());
  const std::vector<float> norms = {5, 5, 0};
  const Matrix<float> cosines = self_cosines(states, 1, norms);
  const float expected[3][3] = {{1, 0.8F, 0}, {0.8F, 1, 0}, {0, 0, 0}};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) EXPECT_FLOAT_EQ(cosines(a, b), expected[a][b]) << a << ' ' << b;
  }
}

// Two layers that differ in one number only have tables of their own.
TEST(KeyCounts, TellMasksApartByEveryNumber) {
  const std::vector<std::int32_t> queries{3, 2}, others{3, 1}, far{1, 0}, none{0, 0};
  const std::vector<double> uniform{0.5, 0}, uneven{0.25, 0};
  const auto n_tables = [&](const KeyVisibility& a, const KeyVisibility& b) {
    KeyCounts counts(2, 2);
    counts.note(0, a);
    counts.note(1, b);
    counts.add_noted();
    return counts.n_tables();
  };
  const KeyVisibility plain{queries, far, uniform, {}};
  EXPECT_EQ(n_tables(plain, plain), 1U);
  EXPECT_EQ(n_tables(plain, {others, far, uniform, {}}), 2U);
  EXPECT_EQ(n_tables(plain, {queries, none, uniform, {}}), 2U);
  EXPECT_EQ(n_tables(plain, {queries, far, uneven, {}}), 2U);
  EXPECT_EQ(n_tables(plain, {queries, far, uniform, none}), 2U);
}

// A micro-batch in which a layer selects nothing counts as if all far queries had selected.
TEST(KeyCounts, AddUpWhatIsSelected) {
  const std::vector<std::int32_t> queries{5, 4}, far{3, 2}, selected{1, 2};
  const std::vector<double> uniform{0.5, 0.25};
  KeyCounts counts(1, 2);
  const auto add = [&](std::span<const std::int32_t> of) {
    counts.note(0, {queries, far, uniform, of});
    counts.add_noted();
  };
  add({});
  EXPECT_TRUE(counts.of(0).far_selected.empty());
  add(selected);
  EXPECT_THAT(counts.of(0).far_selected, ElementsAre(3 + 1, 2 + 2));
  add({});
  EXPECT_THAT(counts.of(0).far_selected, ElementsAre(3 + 1 + 3, 2 + 2 + 2));
  EXPECT_THAT(counts.of(0).far_queries, ElementsAre(9, 6));
  counts.add_noted();  // nothing was noted
  EXPECT_THAT(counts.of(0).queries, ElementsAre(15, 12));
  counts.cut(1);
  EXPECT_THAT(counts.of(0).far_selected, ElementsAre(7));
  EXPECT_THAT(counts.of(0).far_uniform, ElementsAre(1.5));
}

}  // namespace
}  // namespace sinkscope
