#include "levels/mixture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "levels/level_search.h"

namespace sinkscope {
namespace {

constexpr int kLayers = 30;

TEST(Mixture, AComponentSumsToOne) {
  const LevelComponent component{12, 18, 3, 3, 1};
  double sum = 0;
  for (int s = -20; s < 50; ++s) {
    for (int e = -20; e < 60; ++e) sum += probability(component, {s, e, false, 1});
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(Mixture, ACensoredCellIsAllEndsFromThereOn) {
  const LevelComponent component{12, 18, 1, 4, 1};
  for (int end = 14; end < 24; ++end) {
    double sum = 0;
    for (int e = end; e < 60; ++e) sum += probability(component, {12, e, false, 1});
    EXPECT_NEAR(probability(component, {12, end, true, 1}), sum, 1e-9) << end;
  }
}

TEST(Mixture, NoiseSumsToOneOverPairsThatEndOrDoNot) {
  // Constant hazard: each state ends in some layer, or lasts past the last one.
  LevelMixture noise;
  noise.hazard_weight = 1;
  noise.even_weight = 0;
  noise.hazard = 0.3;
  double sum = 0;
  for (int s = 0; s < kLayers; ++s) {
    for (int e = s; e < kLayers - 1; ++e) sum += noise_probability(noise, {s, e, false, 1}, kLayers);
    sum += noise_probability(noise, {s, kLayers - 1, true, 1}, kLayers);
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  noise.hazard_weight = 0;
  noise.even_weight = 1;
  sum = 0;
  for (int s = 0; s < kLayers; ++s) {
    for (int e = s; e < kLayers; ++e) sum += noise_probability(noise, {s, e, false, 1}, kLayers);
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

// Of states of three layers or more: a fifth of those that lasted so long ends in each layer.
TEST(Mixture, NoiseOfTheFirstPartLastsForTheShortestTime) {
  LevelMixture noise;
  noise.hazard_weight = 1;
  noise.even_weight = 0;
  noise.hazard = 0.2;
  noise.shortest = 2;
  EXPECT_NEAR(noise_probability(noise, {4, 6, false, 1}, kLayers), 0.2 / 30, 1e-12);
  EXPECT_NEAR(noise_probability(noise, {4, 7, false, 1}, kLayers), 0.8 * 0.2 / 30, 1e-12);
  EXPECT_NEAR(noise_probability(noise, {9, 12, true, 1}, kLayers), 0.8 / 30, 1e-12) << "it lasted to 12 at least";
  EXPECT_NEAR(noise_probability(noise, {9, 13, true, 1}, kLayers), 0.64 / 30, 1e-12);
  noise.hazard_weight = 0.5;
  noise.even_weight = 0.25;
  EXPECT_NEAR(noise_probability(noise, {4, 7, false, 1}, kLayers), 0.5 * 0.16 / 30 + 0.25 / (15 * 31), 1e-12);
}

// Of the 465 pairs of 30 layers those that end in 26 or later from one start are four.
TEST(Mixture, NoiseOfTheOtherPartHasAllPairsAlike) {
  LevelMixture noise;
  noise.hazard_weight = 0;
  noise.even_weight = 1;
  EXPECT_NEAR(noise_probability(noise, {3, 26, false, 1}, kLayers), 1.0 / 465, 1e-12);
  EXPECT_NEAR(noise_probability(noise, {3, 26, true, 1}, kLayers), 4.0 / 465, 1e-12);
  EXPECT_NEAR(noise_probability(noise, {3, 29, true, 1}, kLayers), 1.0 / 465, 1e-12);
}

// Bells reach as far as they must: 16 layers off the widest has exp(-16.3) of its height, and layers beyond count as 16.
TEST(Mixture, BellsAreThoseOfTheirWidth) {
  const LevelComponent component{12, 18, 1, 6, 1};
  const double centre = probability(component, {12, 18, false, 1});
  for (const int off : {-3, -1, 1, 3}) {
    EXPECT_NEAR(probability(component, {12 + off, 18, false, 1}) / centre, std::exp(-off * off / 0.5), 1e-12) << off;
    EXPECT_NEAR(probability(component, {12, 18 + off, false, 1}) / centre, std::exp(-off * off / (2 * 2.8 * 2.8)), 1e-12);
  }
  EXPECT_NEAR(probability(component, {12, 0, true, 1}), probability(component, {12, 1, true, 1}), 1e-9) << "all ends";
}

TEST(Mixture, EndsPastTheHorizonAreOne) {
  const Separation separation{3, 24};
  EXPECT_FALSE(separation.apart({10, 23, 0, 0, 0}, {10, 29, 0, 0, 0}));
  EXPECT_TRUE(separation.apart({10, 21, 0, 0, 0}, {10, 29, 0, 0, 0}));
  EXPECT_TRUE(separation.apart({10, 29, 0, 0, 0}, {13, 29, 0, 0, 0}));
  EXPECT_FALSE(separation.apart({10, 20, 0, 0, 0}, {12, 22, 0, 0, 0}));
}

TEST(Mixture, FittingNeverLowersTheLikelihood) {
  const std::vector<LayerCell> cells = {{10, 15, false, 20}, {10, 16, false, 8}, {11, 15, false, 5},
                                        {20, 27, true, 9},   {3, 22, false, 1},  {17, 18, false, 2}};
  LevelMixture mixture;
  mixture.components = {{9, 17, 3, 5, 0.2}, {21, 25, 3, 5, 0.2}};
  mixture.hazard_weight = mixture.even_weight = 0.3;
  const auto likelihood = [&] {
    double sum = 0;
    for (const LayerCell& cell : cells) {
      double p = noise_probability(mixture, cell, kLayers);
      for (const auto& component : mixture.components) p += component.weight * probability(component, cell);
      sum += cell.weight * std::log(p);
    }
    return sum;
  };
  const double before = likelihood();
  fit(mixture, cells, kLayers, {3, 27});
  EXPECT_GT(likelihood(), before);
  // The stated likelihood is of the mixture as it is, but for the last step, which changed little.
  EXPECT_NEAR(likelihood(), mixture.log_likelihood, 1e-2);
  EXPECT_EQ(mixture.components[0].l_start, 10);
  EXPECT_EQ(mixture.components[0].l_end, 15);
}

// Of states that all end after the shortest time none survives a layer more: the hazard is as large as it may be.
TEST(Mixture, TheHazardIsEndsPerLayerSurvived) {
  LevelMixture noise;
  fit(noise, std::vector<LayerCell>{{5, 9, false, 1}}, kLayers, {3, 27});
  EXPECT_EQ(noise.shortest, 4);
  EXPECT_EQ(noise.hazard, 0.99);
  // Ends after 2, 3, 4 and 5 layers, as many again at each: by hand 8 ends for 2 (1 + 2 + 3) layers beyond the shortest.
  LevelMixture spread;
  spread.hazard_weight = 1;
  spread.even_weight = 0;
  fit(spread, std::vector<LayerCell>{{5, 7, false, 2}, {5, 8, false, 2}, {5, 9, false, 2}, {5, 10, false, 2}}, kLayers, {3, 27});
  EXPECT_EQ(spread.shortest, 2);
  EXPECT_NEAR(spread.hazard, 8.0 / 20, 1e-12);
}

// Two ended after the shortest time, two lasted at least two layers more: 2 ends for 2 x 2 layers survived.
TEST(Mixture, WhatIsCensoredHasNotEnded) {
  LevelMixture noise;
  noise.hazard_weight = 1;
  noise.even_weight = 0;
  fit(noise, std::vector<LayerCell>{{5, 7, false, 2}, {5, 9, true, 2}}, kLayers, {3, 27});
  EXPECT_EQ(noise.shortest, 2);
  EXPECT_NEAR(noise.hazard, 2.0 / 6, 1e-12);
  // All as long as each other and none seen to end: hardly any ends.
  fit(noise, std::vector<LayerCell>{{5, 9, true, 2}, {5, 10, true, 2}}, kLayers, {3, 27});
  EXPECT_EQ(noise.hazard, 0.01);
}

// Starts are sharp, ends need not be: of starts and ends that are spread alike only ends get the widest bell. Shares of
// all that is there sum to one.
TEST(Mixture, StartsGetNoneOfTheWidestBells) {
  std::vector<LayerCell> cells;
  for (int off = -5; off <= 5; ++off) {
    cells.push_back({10 + off, 20, false, 10});
    cells.push_back({10, 20 + off, false, 10});
  }
  LevelMixture mixture;
  mixture.components = {{10, 20, 5, 5, 0.8}};
  mixture.hazard_weight = mixture.even_weight = 0.1;
  fit(mixture, cells, kLayers, {3, 27});
  ASSERT_EQ(mixture.components.size(), 1U);
  EXPECT_EQ(mixture.components[0].start_jitter, kStartJitters - 1);
  EXPECT_EQ(mixture.components[0].l_start, 10);
  EXPECT_EQ(mixture.components[0].l_end, 20);
  EXPECT_NEAR(mixture.components[0].weight + mixture.hazard_weight + mixture.even_weight, 1, 1e-9);
}

// Ends that were not seen say nothing of later layers: no centre lies behind the last layer in which one was.
TEST(Mixture, CentresLieWhereEndsWereSeen) {
  const std::vector<LayerCell> cells = {{5, 20, true, 30}, {5, 19, true, 10}};
  for (const int l_end : {18, 20, 26}) {
    LevelMixture mixture;
    mixture.components = {{5, l_end, 1, 3, 0.8}};
    mixture.hazard_weight = mixture.even_weight = 0.1;
    fit(mixture, cells, kLayers, {3, 29});
    ASSERT_EQ(mixture.components.size(), 1U);
    EXPECT_EQ(mixture.components[0].l_end, 20) << l_end;
  }
}

// Numbers of bayes_criterion.py, which knows nothing of ours. Ours stops where a step gains less than 0.01 nats, and so
// lies a little above the best; a free number more or less would be 3.9.
TEST(Mixture, TheBayesCriterionIsTheOneWorkedOutApart) {
  const std::vector<LayerCell> cells = {{10, 15, false, 24}, {11, 15, false, 8}, {10, 16, false, 8},
                                        {4, 20, false, 2},   {17, 18, false, 3}, {12, 27, true, 5}};
  LevelMixture noise;
  fit(noise, cells, kLayers, {3, 27});
  EXPECT_NEAR(bayes_criterion(noise, cells), 602.563, 0.3);
  LevelMixture level;
  level.components = {{10, 15, 3, 3, 0.4}};
  level.hazard_weight = level.even_weight = 0.3;
  fit(level, cells, kLayers, {3, 27});
  ASSERT_EQ(level.components[0].l_start, 10);
  ASSERT_EQ(level.components[0].l_end, 15);
  EXPECT_NEAR(bayes_criterion(level, cells), 286.394, 0.3);
}

// 2 x 123.4 + (2 + 5 x levels) x log 50.
TEST(Mixture, EachLevelCostsFiveFreeNumbers) {
  const std::vector<LayerCell> cells = {{10, 15, false, 30}, {20, 27, true, 20}};
  LevelMixture mixture;
  mixture.log_likelihood = -123.4;
  EXPECT_NEAR(bayes_criterion(mixture, cells), 246.8 + 2 * 3.912023, 1e-5);
  mixture.components.resize(2);
  EXPECT_NEAR(bayes_criterion(mixture, cells), 293.744276, 1e-5);
}

TEST(Search, AnOutlierBelongsToNoLevel) {
  const std::vector<LayerCell> cells = {{10, 15, false, 40}, {22, 23, false, 1}};
  const LevelMixture mixture = search_levels(cells, kLayers, {{3, 27}, 12, 3});
  ASSERT_EQ(mixture.components.size(), 1U);
  EXPECT_EQ(mixture.components[0].l_start, 10);
}

}  // namespace
}  // namespace sinkscope
