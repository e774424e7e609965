#include <gtest/gtest.h>

#include <map>

#include "levels/levels.h"
#include "tests/levels/r1_records.h"

namespace sinkscope {
namespace {

// The primary lasts to layer 46 in every sequence.
constexpr int kHorizon = 44;

SinkCorpus r1_corpus() {
  SinkCorpus corpus;
  corpus.n_layers = testing_r1::kLayers;
  corpus.labels = {"cliff", "noise"};
  const auto rows = testing_r1::rows();
  for (const int length : testing_r1::lengths(rows)) {
    CorpusDocument document;
    document.n_tokens = document.eligible_end = length;
    document.has_primary = true;
    document.horizon = kHorizon;
    corpus.documents.push_back(document);
  }
  for (const auto& row : rows) {
    CorpusSink sink;
    sink.position = row.position;
    sink.token = row.token;
    sink.label = row.label == "cliff" ? 0 : 1;
    sink.l_start = row.first_layer;
    sink.l_end = row.last_layer;
    sink.censored = row.last_layer >= kHorizon;
    corpus.documents[static_cast<std::size_t>(row.sequence)].sinks.push_back(sink);
  }
  return corpus;
}

TEST(R1Records, CountsAreThoseOfThePaper) {
  const auto rows = testing_r1::rows();
  ASSERT_EQ(rows.size(), 270U);
  std::map<int, int> by_flagged;
  for (const auto& row : rows) {
    EXPECT_EQ(row.first_layer, 22);
    ++by_flagged[row.layers_flagged];
  }
  const std::map<int, int> expected = {{23, 114}, {22, 98}, {24, 45}, {21, 3}, {4, 2},
                                       {3, 5},    {2, 1},   {18, 1},  {16, 1}};
  EXPECT_EQ(by_flagged, expected);
}

TEST(R1Records, OneLevelWithCensoredEnds) {
  const SinkCorpus corpus = r1_corpus();
  const LevelReport report = find_levels(corpus, {});
  EXPECT_EQ(report.documents, 300);
  EXPECT_EQ(report.tokens, testing_r1::kTokens);

  ASSERT_FALSE(report.levels.empty());
  const Level& last = report.levels.back();
  EXPECT_EQ(last.l_start, 22);
  EXPECT_NEAR(last.l_end, 44, 1);
  EXPECT_EQ(last.rate.count, 260);  // 114 + 98 + 45 + 3
  EXPECT_GE(last.stability, 0.99);
  EXPECT_FALSE(last.tentative);
  EXPECT_EQ(last.lifetimes.shortest, 21);
  EXPECT_EQ(last.lifetimes.longest, 24);
  EXPECT_EQ(last.lifetimes.censored, 159);
  EXPECT_EQ(last.start_entropy_bits, 0);
  EXPECT_EQ(last.tokens.front().token, 220);

  // Of the others the eight that last 2 to 4 layers may be a level of their own, the two of 16 and 18 are none.
  std::size_t i = 0;
  const auto last_index = static_cast<int>(report.levels.size()) - 1;
  for (const auto& document : corpus.documents) {
    for (const auto& sink : document.sinks) {
      const auto level = report.level_of_sink[i++];
      const int lifetime = sink.l_end - sink.l_start + 1;
      EXPECT_EQ(level == last_index, lifetime >= 21);
      EXPECT_FALSE(level.has_value() && lifetime > 4 && lifetime < 21);
    }
  }
  EXPECT_LE(report.levels.size(), 2U);
}

TEST(R1Records, RatesAreThoseOfThePaper) {
  const LevelReport report = find_levels(r1_corpus(), {});
  ASSERT_EQ(report.by_label.size(), 2U);
  const Rate& secondary = report.by_label[0].rate;
  EXPECT_EQ(report.by_label[0].name, "cliff");
  EXPECT_EQ(secondary.count, 262);
  EXPECT_EQ(secondary.documents, 163);
  EXPECT_EQ(secondary.eligible_tokens, testing_r1::kTokens);
  EXPECT_NEAR(*secondary.per_1000, 0.092, 0.0005);
  // Counts by sequence are spread less than Poisson's, whose interval would be 0.092 +- 0.011.
  EXPECT_NEAR(secondary.interval->low, 0.084, 0.003);
  EXPECT_NEAR(secondary.interval->high, 0.099, 0.003);
  EXPECT_EQ(report.all.count, 270);
}

}  // namespace
}  // namespace sinkscope
