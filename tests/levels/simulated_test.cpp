#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "levels/levels.h"

namespace sinkscope {
namespace {

struct Planted {
  int l_start, l_end;
  double per_document;  // sinks of it
};

struct Simulation {
  int n_layers = 48;
  int n_documents = 120;
  int horizon = 44;
  double jitter_chance = 0.3;  // of each layer to be one off
  double noise_per_document = 0;
  double noise_hazard = 0;  // > 0: noise ends with this chance in each layer; 0: all pairs alike
  int end_spread = 0;       // layers by which ends of levels lie on either side, all alike
  std::vector<Planted> planted;
  unsigned seed = 1;
};

double uniform(std::mt19937& random) { return static_cast<double>(random()) / 4294967296.0; }

int poisson(std::mt19937& random, double mean) {
  int n = 0;
  for (double product = uniform(random); product > std::exp(-mean); product *= uniform(random)) ++n;
  return n;
}

int jittered(std::mt19937& random, int layer, double chance) {
  if (uniform(random) >= chance) return layer;
  return layer + (random() % 2 == 0 ? 1 : -1);
}

void add_sink(CorpusDocument& document, std::mt19937& random, const Simulation& simulation, int l_start, int l_end) {
  CorpusSink sink;
  // What ends past the horizon is seen to end there, somewhere: that is what censoring is.
  const int last = simulation.horizon + static_cast<int>(random() % 2);
  sink.l_start = l_start;
  sink.l_end = std::min(l_end, last);
  sink.censored = sink.l_end >= simulation.horizon;
  sink.position = 8 + static_cast<int>(random() % 900);
  sink.token = static_cast<TokenId>(random() % 5);
  document.sinks.push_back(sink);
}

SinkCorpus simulate(const Simulation& simulation) {
  std::mt19937 random(simulation.seed);
  SinkCorpus corpus;
  corpus.n_layers = simulation.n_layers;
  for (int d = 0; d < simulation.n_documents; ++d) {
    CorpusDocument document;
    document.n_tokens = 1024;
    document.eligible_begin = 1;
    document.eligible_end = 1024 - 127;
    document.has_primary = true;
    document.horizon = simulation.horizon;
    for (const Planted& level : simulation.planted) {
      for (int n = poisson(random, level.per_document); n > 0; --n) {
        const int l_start = jittered(random, level.l_start, simulation.jitter_chance);
        const int spread = static_cast<int>(random() % static_cast<unsigned>(2 * simulation.end_spread + 1));
        const int l_end = level.l_end + spread - simulation.end_spread;
        add_sink(document, random, simulation, l_start, jittered(random, l_end, simulation.jitter_chance));
      }
    }
    for (int n = poisson(random, simulation.noise_per_document); n > 0; --n) {
      const int a = static_cast<int>(random() % static_cast<unsigned>(simulation.horizon));
      if (simulation.noise_hazard > 0) {
        int end = a + 1;
        while (end < simulation.n_layers && uniform(random) >= simulation.noise_hazard) ++end;
        add_sink(document, random, simulation, a, end);
        continue;
      }
      const int b = static_cast<int>(random() % static_cast<unsigned>(simulation.horizon));
      add_sink(document, random, simulation, std::min(a, b), std::max(a, b) + 1);
    }
    corpus.documents.push_back(std::move(document));
  }
  return corpus;
}

std::string text_of(const LevelReport& report) {
  std::string text;
  for (const Level& level : report.levels) {
    text += std::to_string(level.l_start) + "-" + std::to_string(level.l_end) + " x" +
            std::to_string(level.rate.count) + " stable " + std::to_string(level.stability.value_or(-1)) + "; ";
  }
  for (const WeakLevel& weak : report.weak) {
    text += "weak " + std::to_string(weak.l_start) + "-" + std::to_string(weak.l_end) + " x" +
            std::to_string(weak.count) + " stable " + std::to_string(weak.stability) + "; ";
  }
  return text;
}

void expect_found(const LevelReport& report, const Simulation& simulation) {
  const std::string text = "seed " + std::to_string(simulation.seed) + ": " + text_of(report);
  ASSERT_EQ(report.levels.size(), simulation.planted.size()) << text;
  for (std::size_t k = 0; k < report.levels.size(); ++k) {
    EXPECT_NEAR(report.levels[k].l_start, simulation.planted[k].l_start, 1) << text;
    const int end = std::min(simulation.planted[k].l_end, simulation.horizon);
    EXPECT_NEAR(std::min(report.levels[k].l_end, simulation.horizon), end, 1) << text;
    EXPECT_GE(report.levels[k].stability, 0.8);
    EXPECT_FALSE(report.levels[k].tentative);
  }
}

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

TEST(Simulated, NothingFoundIsABound) {
  Simulation simulation;
  const LevelReport report = find_levels(simulate(simulation), {});
  EXPECT_TRUE(report.levels.empty());
  EXPECT_EQ(report.all.count, 0);
  const std::int64_t eligible = 120 * (1024 - 127 - 1);
  EXPECT_EQ(report.all.eligible_tokens, eligible);
  EXPECT_EQ(*report.all.per_1000, 0);
  EXPECT_NEAR(report.all.interval->high, 3000.0 / static_cast<double>(eligible), 1e-12);
}

TEST(Simulated, AnEmptyCorpusHasNoRates) {
  SinkCorpus corpus;
  corpus.n_layers = 12;
  const LevelReport report = find_levels(corpus, {});
  EXPECT_EQ(report.documents, 0);
  EXPECT_FALSE(report.all.per_1000.has_value());
  EXPECT_FALSE(report.all.interval.has_value());
}

TEST(Simulated, FewDocumentsAreTentative) {
  Simulation simulation;
  simulation.n_documents = 4;
  simulation.planted = {{14, 30, 8.0}};
  const LevelReport report = find_levels(simulate(simulation), {});
  ASSERT_EQ(report.levels.size(), 1U) << text_of(report);
  EXPECT_TRUE(report.levels[0].tentative);
}

TEST(Simulated, ALevelOfOneDocumentIsNotStable) {
  Simulation simulation;
  simulation.planted = {{22, 46, 1.0}};
  SinkCorpus corpus = simulate(simulation);
  for (int i = 0; i < 12; ++i) {
    CorpusSink sink;
    sink.l_start = 10;
    sink.l_end = 15;
    sink.position = 100 + i;
    corpus.documents[3].sinks.push_back(sink);
  }
  const LevelReport report = find_levels(corpus, {});
  ASSERT_EQ(report.levels.size(), 1U) << text_of(report);
  EXPECT_EQ(report.levels[0].l_start, 22);
  ASSERT_EQ(report.weak.size(), 1U);
  EXPECT_EQ(report.weak[0].l_start, 10);
  EXPECT_EQ(report.weak[0].documents, 1);
  // A bootstrap over documents holds a given one with a chance of 63 %.
  EXPECT_NEAR(report.weak[0].stability, 0.63, 0.15);
  EXPECT_GE(report.unassigned.count, 12);
}

TEST(Simulated, TheOrderOfDocumentsDoesNotChangeTheLevels) {
  Simulation simulation;
  simulation.planted = {{14, 30, 1.0}, {22, 46, 2.0}};
  simulation.noise_per_document = 0.3;
  SinkCorpus corpus = simulate(simulation);
  const LevelReport forward = find_levels(corpus, {});
  std::ranges::reverse(corpus.documents);
  const LevelReport backward = find_levels(corpus, {});
  ASSERT_EQ(forward.levels.size(), backward.levels.size());
  for (std::size_t k = 0; k < forward.levels.size(); ++k) {
    EXPECT_EQ(forward.levels[k].l_start, backward.levels[k].l_start);
    EXPECT_EQ(forward.levels[k].l_end, backward.levels[k].l_end);
    EXPECT_EQ(forward.levels[k].rate.count, backward.levels[k].rate.count);
  }
}

}  // namespace
}  // namespace sinkscope
