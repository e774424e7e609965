#include <gtest/gtest.h>

#include "tests/levels/simulated_corpus.h"

namespace sinkscope {
namespace {

class ManySeeds : public testing::TestWithParam<unsigned> {};

TEST_P(ManySeeds, ThreeLevels) {
  Simulation simulation;
  simulation.seed = GetParam();
  simulation.planted = {{14, 30, 1.0}, {22, 25, 0.4}, {22, 46, 2.0}};
  simulation.noise_per_document = 0.4;
  expect_found(find_levels(simulate(simulation), {}), simulation);
}

TEST_P(ManySeeds, SixLevelsThreeLayersApart) {
  Simulation simulation;
  simulation.seed = GetParam();
  simulation.n_layers = 40;
  simulation.horizon = 36;
  simulation.planted = {{12, 18, 0.5}, {12, 21, 0.5}, {15, 21, 0.5}, {18, 30, 0.8}, {21, 38, 0.6}, {24, 38, 0.6}};
  simulation.noise_per_document = 0.3;
  expect_found(find_levels(simulate(simulation), {}), simulation);
}

TEST_P(ManySeeds, SixRareLevelsInAHundredDocuments) {
  Simulation simulation;
  simulation.seed = GetParam();
  simulation.n_documents = 100;
  simulation.planted = {{10, 14, 0.15}, {13, 20, 0.15}, {16, 46, 0.2}, {20, 26, 0.15}, {25, 40, 0.15}, {30, 46, 0.2}};
  simulation.jitter_chance = 0.2;
  simulation.noise_per_document = 0.05;
  expect_found(find_levels(simulate(simulation), {}), simulation);
}

TEST_P(ManySeeds, NoiseAloneHasNoLevels) {
  Simulation simulation;
  simulation.seed = GetParam();
  for (const double noise : {0.1, 0.5, 3.0, 20.0}) {
    simulation.noise_per_document = noise;
    const LevelReport report = find_levels(simulate(simulation), {});
    EXPECT_TRUE(report.levels.empty()) << "seed " << simulation.seed << ", " << noise << ": " << text_of(report);
    EXPECT_EQ(report.unassigned.count, report.all.count);
  }
}

TEST_P(ManySeeds, BriefNoiseAloneHasNoLevels) {
  Simulation simulation;
  simulation.seed = GetParam();
  for (const double noise : {0.1, 0.5, 3.0, 20.0}) {
    simulation.noise_per_document = noise;
    simulation.noise_hazard = 0.4;
    const LevelReport report = find_levels(simulate(simulation), {});
    EXPECT_TRUE(report.levels.empty()) << "seed " << simulation.seed << ", " << noise << ": " << text_of(report);
  }
}

TEST_P(ManySeeds, LevelsWithSpreadEnds) {
  Simulation simulation;
  simulation.seed = GetParam();
  simulation.end_spread = 1;
  simulation.planted = {{12, 18, 0.8}, {18, 30, 0.8}, {24, 46, 0.8}};
  simulation.noise_per_document = 0.2;
  simulation.noise_hazard = 0.4;
  expect_found(find_levels(simulate(simulation), {}), simulation);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ManySeeds, testing::Range(1U, 9U));

}  // namespace
}  // namespace sinkscope
