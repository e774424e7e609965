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
