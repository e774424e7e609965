// Facts that can be checked by hand or by going through all of 6 points' orders.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/statistics/document_draws.h"
#include "base/statistics/discrimination.h"
#include "base/statistics/intervals.h"
#include "base/statistics/permutation.h"
#include "base/statistics/random.h"
#include "base/statistics/ranks.h"
#include "base/statistics/survival.h"

namespace sinkscope {
namespace {

TEST(Survival, CensoredAtATimeAreAtRiskThere) {
  const std::vector<Lifetime> lifetimes = {{3, true}, {5, false}, {5, false}, {8, true}, {9, true}};
  const auto steps = kaplan_meier(lifetimes);
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[1].at_risk, 4);
  EXPECT_DOUBLE_EQ(steps[1].survival, 0.8);
  EXPECT_EQ(steps[2].at_risk, 2);
  EXPECT_DOUBLE_EQ(steps[2].survival, 0.4);
  EXPECT_EQ(median_survival(steps), 8);
}

TEST(Survival, ExactlyOneHalfIsTheMedian) {
  EXPECT_EQ(median_survival(kaplan_meier(std::vector<Lifetime>{{3, true}, {5, true}})), 3);
  // 1 - 1/10, nine times over, is not exactly one half in doubles after five steps.
  std::vector<Lifetime> ten;
  for (int i = 1; i <= 10; ++i) ten.push_back({static_cast<double>(i), true});
  EXPECT_EQ(median_survival(kaplan_meier(ten)), 5);
  EXPECT_EQ(median_survival(kaplan_meier(std::vector<Lifetime>{{3, true}, {5, false}, {6, false}})), std::nullopt);
}

TEST(Concordance, ComparesWhatIsKnownWithinAStratum) {
  // 2 ended; 4 was lost sight of; 4 ended too: the lost one lasted longer. 7 ended.
  const std::vector<Lifetime> lifetimes = {{2, true}, {4, false}, {4, true}, {7, true}};
  const std::vector<double> scores = {1, 5, 2, 2};
  // Pairs: 2 before each other (3 right), 4 ended before lost (right), 4 ended before 7 (equal scores: one half).
  const auto all = harrell_c(lifetimes, scores, {});
  EXPECT_EQ(all->pairs, 5);
  EXPECT_DOUBLE_EQ(all->c, 4.5 / 5);
  const std::vector<int> strata = {0, 0, 1, 1};
  const auto within = harrell_c(lifetimes, scores, strata);
  EXPECT_EQ(within->pairs, 2);
  EXPECT_DOUBLE_EQ(within->c, 1.5 / 2);
  EXPECT_FALSE(harrell_c(std::vector<Lifetime>{{2, false}, {4, false}}, std::vector<double>{1, 2}, {}));
  EXPECT_THROW(harrell_c(lifetimes, std::vector<double>{1}, {}), Error);
}

TEST(Correlation, WhatDoesNotVaryHasNone) {
  const std::vector<double> x = {1, 2, 3}, same = {0.1, 0.1, 0.1};
  EXPECT_FALSE(pearson(x, same));
  EXPECT_FALSE(spearman(same, x));
  EXPECT_FALSE(fit_line(same, x));
  // x is a function of the covariate: nothing is left to correlate.
  Matrix<double> covariate(1, 4);
  const std::vector<double> rising = {1, 2, 3, 4}, y = {4, 1, 3, 2};
  std::ranges::copy(rising, covariate.row(0).begin());
  EXPECT_FALSE(partial_spearman(rising, y, covariate.view()));
}

// p of all 720 orders of 6 points, twin of the drawn one: 10,000 draws have a standard error of 0.005 at most.
TEST(Permutation, DrawsAgreeWithAllOrdersOfSixPoints) {
  const std::vector<double> x = {1, 2, 3, 4, 5, 6}, y = {2.1, 0.3, 3.9, 2.8, 3.0, 7.4};
  const std::vector<int> one_group(6, 0);
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / 6;
  const auto product = [&](const std::vector<double>& values) {
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i) sum += (values[i] - 3.5) * (y[i] - mean_y);
    return std::abs(sum);
  };
  std::vector<double> order = x;
  int extreme = 0, all = 0;
  do {
    ++all;
    if (product(order) >= product(x) - 1e-9) ++extreme;
  } while (std::ranges::next_permutation(order).found);
  ASSERT_EQ(all, 720);
  EXPECT_NEAR(p_dependence(x, y, one_group, {}), static_cast<double>(extreme) / all, 0.02);
}

TEST(Permutation, ExchangesWithinGroupsOnly) {
  // Between the groups x and y rise together; within them they do not move with each other at all.
  const std::vector<double> x = {1, 2, 11, 12}, y = {5, 5, 9, 9};
  const std::vector<int> groups = {0, 0, 7, 7};
  EXPECT_EQ(p_dependence(x, y, groups, {}), 1);
  const GroupShuffle shuffle(groups);
  std::map<std::vector<double>, int> seen;
  for (std::uint64_t draw = 0; draw < 4000; ++draw) {
    RandomStream random(1, draw);
    std::vector<double> values = x;
    shuffle.shuffle(std::span<double>(values), random);
    ++seen[values];
  }
  ASSERT_EQ(seen.size(), 4U);
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, 1000, 140);  // 5 standard errors
}

TEST(Permutation, SignFlipsOfSixAreExact) {
  // Of 64 sign patterns only all plus and all minus reach the observed sum.
  const std::vector<double> positive = {1, 2, 3, 4, 5, 6};
  EXPECT_DOUBLE_EQ(*p_sign_flip(positive, {}), 2.0 / 64);
  PermutationOptions few;
  few.n_draws = 63;  // fewer than patterns: drawn
  EXPECT_NEAR(*p_sign_flip(positive, few), 2.0 / 64, 0.08);
  EXPECT_FALSE(p_sign_flip({}, {}));
}

// All 6^6 samples of 6 clusters, weighted by how often each comes, against the drawn quantiles.
TEST(Bootstrap, DrawsAgreeWithAllSamplesOfSixPoints) {
  const std::vector<double> values = {0, 1, 2, 4, 8, 16};
  std::vector<double> means;
  for (int sample = 0; sample < 46656; ++sample) {
    double sum = 0;
    for (int i = 0, rest = sample; i < 6; ++i, rest /= 6) sum += values[static_cast<std::size_t>(rest % 6)];
    means.push_back(sum / 6);
  }
  std::ranges::sort(means);
  const auto statistic = [&](std::span<const std::uint32_t> weights) -> std::optional<double> {
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i) sum += weights[i] * values[i];
    return sum / 6;
  };
  const auto interval = bootstrap_interval(6, {20'000, 1, 0.95}, statistic);
  EXPECT_NEAR(interval->low, means[46656 * 25 / 1000], 0.2);  // means lie 1/6 apart at most here
  EXPECT_NEAR(interval->high, means[46656 * 975 / 1000], 0.4);
  // The same seed gives the same interval; another gives another.
  EXPECT_EQ(bootstrap_interval(6, {500, 3, 0.95}, statistic)->low,
            bootstrap_interval(6, {500, 3, 0.95}, statistic)->low);
  EXPECT_FALSE(bootstrap_interval(1, {}, statistic));
}

TEST(Bootstrap, UndefinedDrawsAreLeftOut) {
  const auto rarely = [](std::span<const std::uint32_t> weights) -> std::optional<double> {
    if (weights[0] == 0) return std::nullopt;  // a third of the draws
    return 1.0;
  };
  EXPECT_EQ(bootstrap_interval(3, {}, rarely)->low, 1);
  const auto mostly = [](std::span<const std::uint32_t> weights) -> std::optional<double> {
    if (weights[0] == 0 || weights[1] == 0) return std::nullopt;  // more than half of the draws
    return 1.0;
  };
  EXPECT_FALSE(bootstrap_interval(3, {}, mostly));
}

TEST(Random, StreamsDependOnSeedAndStreamOnly) {
  EXPECT_EQ(RandomStream(1, 2).next(), RandomStream(1, 2).next());
  EXPECT_NE(RandomStream(1, 2).next(), RandomStream(2, 1).next());
  EXPECT_NE(RandomStream(1, 2).next(), RandomStream(1, 3).next());
  RandomStream random(4, 0);
  std::vector<int> counts(6);
  double sum = 0, squares = 0;
  for (int i = 0; i < 60'000; ++i) {
    ++counts[random.below(6)];
    const double z = random.normal();
    sum += z;
    squares += z * z;
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);  // 5 standard errors
  EXPECT_NEAR(sum / 60'000, 0, 0.025);
  EXPECT_NEAR(squares / 60'000, 1, 0.03);
}

TEST(ClopperPearson, HasExactEnds) {
  const auto none = clopper_pearson(0, 6), all = clopper_pearson(6, 6);
  EXPECT_EQ(none->low, 0);
  EXPECT_NEAR(none->high, 1 - std::pow(0.025, 1.0 / 6), 1e-12);
  EXPECT_NEAR(all->low, std::pow(0.025, 1.0 / 6), 1e-12);
  EXPECT_EQ(all->high, 1);
  EXPECT_FALSE(clopper_pearson(0, 0));
  EXPECT_THROW(clopper_pearson(3, 2), Error);
}

TEST(Spearman, HandCheckedCases) {
  using Values = std::vector<double>;
  EXPECT_FALSE(spearman(Values{1}, Values{1}));
  EXPECT_FALSE(spearman(Values{1, 1, 1}, Values{1, 2, 3}));
  EXPECT_EQ(*spearman(Values{1, 2, 3, 10}, Values{-5, 0, 7, 8}), 1);
  EXPECT_EQ(*spearman(Values{1, 2, 3}, Values{3, 2, 1}), -1);
  // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(*spearman(Values{1, 2, 2, 3}, Values{1, 3, 2, 4}), 4.5 / std::sqrt(22.5), 1e-12);
}

TEST(AreaUnderRoc, HandCheckedCases) {
  using Values = std::vector<double>;
  EXPECT_FALSE(area_under_roc(Values{}, Values{1}));
  EXPECT_EQ(area_under_roc(Values{2, 3}, Values{0, 1}), 1.0);
  EXPECT_EQ(area_under_roc(Values{0, 1}, Values{2, 3}), 0.0);
  EXPECT_EQ(area_under_roc(Values{1, 3}, Values{1, 2}), 0.625);  // half, 0, 1, 1 of four pairs
}

TEST(DocumentDraws, GoByTheirKeys) {
  const std::vector<std::string> keys = {"c", "a", "b", "a"}, moved = {"a", "b", "c", "a"};
  EXPECT_EQ(order_of_draws(keys), (std::vector<std::size_t>{1, 3, 2, 0}));
  for (std::uint64_t draw = 0; draw < 5; ++draw) {
    const auto weights = bootstrap_weights(4, 7, draw);
    const auto by_place = bootstrap_documents(order_of_draws(keys), 7, draw);
    EXPECT_EQ(by_place, (std::vector<std::uint32_t>{weights[3], weights[0], weights[2], weights[1]}));
    // "b" and "c" weigh alike wherever they stand.
    const auto elsewhere = bootstrap_documents(order_of_draws(moved), 7, draw);
    EXPECT_EQ(by_place[2], elsewhere[1]);
    EXPECT_EQ(by_place[0], elsewhere[2]);
  }
}

}  // namespace
}  // namespace sinkscope
