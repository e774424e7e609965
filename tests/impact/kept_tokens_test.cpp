#include "impact/kept_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

using testing::ElementsAre;

// The primary at 1, whose set lacks it; sinks at 20 and 30; 40 is aligned only, and 3 a sink of the primary's set.
Detection detection() {
  Detection detection;
  detection.primary = Primary{};
  detection.primary->position = 1;
  detection.primary->set = {3};
  for (const auto& [position, verdict] : {std::pair(3, Verdict::kSink), {20, Verdict::kSink}, {30, Verdict::kSink},
                                          {30, Verdict::kSink}, {40, Verdict::kAlignedOnly}}) {
    sinkscope::Run run;
    run.position = position;
    run.verdict = verdict;
    detection.runs.push_back(run);
  }
  return detection;
}

TEST(KeptTokens, AreThePrimarysSetAndTheSinks) {
  EXPECT_THAT(primary_set(detection()), ElementsAre(1, 3));
  EXPECT_THAT(primary_and_sinks(detection()), ElementsAre(1, 3, 20, 30));
  EXPECT_THAT(primary_set({}), ElementsAre());
}

TEST(KeptTokens, OfOtherSetsAreAsMany) {
  const std::vector<std::uint8_t> ordinary(60, 1);
  std::vector<double> totals(60, 1.0);
  totals[1] = totals[3] = 100;  // the primary's are kept already
  totals[50] = 9;
  totals[7] = totals[8] = 5;  // of equal ones the first
  const auto sets = kept_sets(detection(), ordinary, totals, 3, 1, 1);
  const auto draws = [&](KeptSet set) { return sets[static_cast<std::size_t>(set)].draws; };
  EXPECT_THAT(draws(KeptSet::kFirstN), ElementsAre(ElementsAre(0, 1, 2, 3)));
  EXPECT_THAT(draws(KeptSet::kAttended), ElementsAre(ElementsAre(1, 3, 7, 50)));
  EXPECT_THAT(draws(KeptSet::kPlacebo), testing::SizeIs(3));
  for (std::size_t i = 0; i < sets.size(); ++i) EXPECT_EQ(sets[i].set, kKeptSets[i]);
}

TEST(KeptTokens, WithoutSinksThePlaceboIsThePrimary) {
  Detection primary_alone = detection();
  primary_alone.runs.clear();
  const std::vector<std::uint8_t> ordinary(3, 1);
  const std::vector<double> totals(3, 1.0);
  const auto sets = kept_sets(primary_alone, ordinary, totals, 3, 1, 1);
  EXPECT_THAT(sets[static_cast<std::size_t>(KeptSet::kPlacebo)].draws, ElementsAre(ElementsAre(1, 3)));
  EXPECT_THAT(sets[static_cast<std::size_t>(KeptSet::kAttended)].draws, ElementsAre(ElementsAre(1, 3)));
  EXPECT_THAT(sets[static_cast<std::size_t>(KeptSet::kFirst4)].draws, ElementsAre(ElementsAre(0, 1, 2)));
}

TEST(KeptTokens, HaveNames) {
  EXPECT_EQ(name_of(KeptSet::kNone), "none");
  EXPECT_EQ(name_of(KeptSet::kPlacebo), "primary + placebo");
}

TEST(AttentionTotals, AddUpHeadsBlocksAndMicroBatches) {
  AttentionTotals totals;
  const auto show = [&](int layer, const std::vector<std::vector<float>>& sums) {
    Matrix<float> all(sums.size(), sums[0].size());
    for (std::size_t h = 0; h < sums.size(); ++h) std::ranges::copy(sums[h], all.row(h).begin());
    AttentionEvent event{};
    event.layer = layer;
    event.n_heads = static_cast<int>(sums.size());
    event.n_keys = static_cast<int>(all.cols());
    event.sums = std::as_const(all).view();
    totals.on_attention(event);
  };
  show(0, {{1, 2}, {10, 20}});
  show(1, {{100, 200}});
  show(0, {{1, 1, 5}, {0, 0, 6}});
  EXPECT_THAT(totals.totals(), ElementsAre(112, 223, 11));
}

}  // namespace
}  // namespace sinkscope
