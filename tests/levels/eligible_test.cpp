#include <gtest/gtest.h>

#include <algorithm>

#include "levels/levels.h"

namespace sinkscope {
namespace {

CorpusSink sink_at(int position, int l_start = 4, int l_end = 9) {
  CorpusSink sink;
  sink.position = position;
  sink.l_start = l_start;
  sink.l_end = l_end;
  return sink;
}

// Ten documents of 600 tokens, 200 to 472 of them eligible, with sinks before, among and behind these; one without a primary.
SinkCorpus with_sinks_outside() {
  SinkCorpus corpus;
  corpus.n_layers = 24;
  for (int d = 0; d < 10; ++d) {
    std::vector<CorpusSink> sinks = {sink_at(3), sink_at(199), sink_at(200), sink_at(472), sink_at(473)};
    sinks.resize(static_cast<std::size_t>(3 + d % 3));
    corpus.documents.push_back({600, 250, 200, 473, true, 20, std::move(sinks), "key " + std::to_string(d * 7 % 10)});
  }
  corpus.documents.push_back({600, 0, 0, 0, false, 20, {sink_at(300), sink_at(301)}, "none"});
  return corpus;
}

TEST(EligibleSinks, AreDividedByTheTokensAmongWhichTheyStand) {
  const SinkCorpus corpus = with_sinks_outside();
  // By hand, sink by sink.
  std::int64_t inside = 0, outside = 0, in_prompts = 0;
  for (const CorpusDocument& document : corpus.documents) {
    for (const CorpusSink& sink : document.sinks) {
      const bool eligible = document.has_primary && sink.position >= 200 && sink.position <= 472;
      inside += eligible;
      outside += !eligible;
      in_prompts += eligible && sink.position < 250;
    }
  }
  const LevelReport report = find_levels(corpus, {});
  EXPECT_EQ(inside, 16);
  EXPECT_EQ(report.all.count, inside);
  EXPECT_EQ(report.all.outside, outside);
  EXPECT_EQ(report.all.documents, 10);
  EXPECT_EQ(report.all.eligible_tokens, 2730);
  EXPECT_NEAR(*report.all.per_1000, 1000.0 * 16 / 2730, 1e-12);
  ASSERT_EQ(report.levels.size(), 1U);
  const Level& level = report.levels[0];
  EXPECT_EQ(level.rate.total(), inside + outside);
  EXPECT_EQ(level.rate.count, inside);
  EXPECT_EQ(level.prompt_rate.count, in_prompts);
  EXPECT_EQ(level.output_rate.count, inside - in_prompts);
  std::int64_t by_position = 0;
  for (const HazardBin& bin : level.hazard) {
    by_position += bin.count;
    EXPECT_TRUE(bin.eligible_tokens > 0 || bin.count == 0) << bin.first;
  }
  EXPECT_EQ(by_position, inside);
}

// All that the report says of rates and stability, in whatever order documents come.
TEST(EligibleSinks, AndTheirIntervalsDoNotDependOnTheOrderOfDocuments) {
  SinkCorpus corpus = with_sinks_outside();
  for (std::size_t d = 0; d < 10; ++d) corpus.documents[d].sinks.push_back(sink_at(300, 10 + static_cast<int>(d) % 4, 15));
  const LevelReport one = find_levels(corpus, {});
  std::ranges::reverse(corpus.documents);
  const LevelReport other = find_levels(corpus, {});
  const auto expect_equal = [](const Rate& a, const Rate& b) {
    EXPECT_EQ(a.count, b.count);
    ASSERT_TRUE(a.interval && b.interval);
    EXPECT_EQ(a.interval->low, b.interval->low);
    EXPECT_EQ(a.interval->high, b.interval->high);
  };
  expect_equal(one.all, other.all);
  ASSERT_EQ(one.levels.size(), other.levels.size());
  for (std::size_t k = 0; k < one.levels.size(); ++k) {
    expect_equal(one.levels[k].rate, other.levels[k].rate);
    EXPECT_EQ(one.levels[k].stability, other.levels[k].stability);
  }
  // Documents without keys are drawn as listed: then the order does tell.
  for (CorpusDocument& document : corpus.documents) document.key.clear();
  const LevelReport unnamed = find_levels(corpus, {});
  EXPECT_NE(std::pair(unnamed.all.interval->low, unnamed.all.interval->high),
            std::pair(one.all.interval->low, one.all.interval->high));
}

}  // namespace
}  // namespace sinkscope
