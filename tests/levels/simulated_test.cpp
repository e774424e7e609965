#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/levels/simulated_corpus.h"

namespace sinkscope {
namespace {

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
