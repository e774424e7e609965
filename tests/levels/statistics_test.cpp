#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/statistics/random.h"
#include "levels/level_statistics.h"

namespace sinkscope {
namespace {

CorpusSink sink_of(int l_start, int l_end, bool censored = false, int position = 10, TokenId token = 1) {
  CorpusSink sink;
  sink.l_start = l_start;
  sink.l_end = l_end;
  sink.censored = censored;
  sink.position = position;
  sink.token = token;
  return sink;
}

std::vector<PlacedSink> placed(const std::vector<CorpusSink>& sinks) {
  std::vector<PlacedSink> members;
  for (const CorpusSink& sink : sinks) members.push_back({0, &sink});
  return members;
}

TEST(Lifetimes, WithoutCensoringTheMedianIsThePlainOne) {
  const std::vector<CorpusSink> sinks = {sink_of(4, 5), sink_of(4, 6), sink_of(4, 9)};
  const Lifetimes lifetimes = lifetimes_of(placed(sinks));
  EXPECT_EQ(lifetimes.shortest, 2);
  EXPECT_EQ(lifetimes.median, 3);
  EXPECT_EQ(lifetimes.longest, 6);
  EXPECT_FALSE(lifetimes.median_is_lower_bound);
  EXPECT_EQ(lifetimes.censored, 0);
}

TEST(Lifetimes, CensoredOnesLastLongerThanSeen) {
  // Of four, one ends after 3 layers, one is lost sight of after 5, one ends after 8, one after 9. Survival: 3/4 after
  // 3; of the two left at 8, half ends: 3/8. So the median is 8, where the plain one is 5.
  const std::vector<CorpusSink> sinks = {sink_of(1, 3), sink_of(1, 5, true), sink_of(1, 8), sink_of(1, 9)};
  const Lifetimes lifetimes = lifetimes_of(placed(sinks));
  EXPECT_EQ(lifetimes.median, 8);
  EXPECT_EQ(lifetimes.censored, 1);
  EXPECT_FALSE(lifetimes.median_is_lower_bound);
}

TEST(Lifetimes, CensoredOnesAreAtRiskUntilTheyAreLostSightOf) {
  // Lifetimes 3, 5 and 5 censored, 8, 9: 4/5 after 3; two are left at 8, half of them ends: 2/5.
  const std::vector<CorpusSink> sinks = {sink_of(1, 3), sink_of(1, 5, true), sink_of(1, 5, true), sink_of(1, 8),
                                         sink_of(1, 9)};
  EXPECT_EQ(lifetimes_of(placed(sinks)).median, 8);
  EXPECT_FALSE(lifetimes_of(placed(sinks)).median_is_lower_bound);
  EXPECT_EQ(lifetimes_of(placed(sinks)).censored, 2);
}

TEST(Lifetimes, WhereExactlyHalfHaveEndedIsTheMedian) {
  const std::vector<CorpusSink> sinks = {sink_of(1, 3), sink_of(1, 5)};
  EXPECT_EQ(lifetimes_of(placed(sinks)).median, 3);
}

TEST(Lifetimes, MostCensoredGiveABound) {
  const std::vector<CorpusSink> sinks = {sink_of(1, 3), sink_of(1, 6, true), sink_of(1, 6, true)};
  const Lifetimes lifetimes = lifetimes_of(placed(sinks));
  EXPECT_EQ(lifetimes.median, 6);
  EXPECT_TRUE(lifetimes.median_is_lower_bound);
}

TEST(Lifetimes, ABoundIsReachedWhereHalfAreLostSightOf) {
  const std::vector<CorpusSink> sinks = {sink_of(1, 3, true), sink_of(1, 4, true), sink_of(1, 5, true),
                                         sink_of(1, 6, true)};
  EXPECT_EQ(lifetimes_of(placed(sinks)).median, 4) << "two of four last longer";
  EXPECT_TRUE(lifetimes_of(placed(sinks)).median_is_lower_bound);
  EXPECT_EQ(lifetimes_of({}).longest, 0);
}

// Of four one ends after 3 layers and one is lost sight of then; half have ended for certain in no layer.
TEST(Lifetimes, ABoundCountsWhatEndsAndWhatIsLostSightOf) {
  const std::vector<CorpusSink> sinks = {sink_of(1, 3), sink_of(1, 3, true), sink_of(1, 5, true), sink_of(1, 6, true)};
  const Lifetimes lifetimes = lifetimes_of(placed(sinks));
  EXPECT_TRUE(lifetimes.median_is_lower_bound);
  EXPECT_EQ(lifetimes.median, 3) << "two of four last longer";
  EXPECT_EQ(lifetimes.shortest, 3);
  EXPECT_EQ(lifetimes.longest, 6);
  EXPECT_EQ(lifetimes.censored, 3);
}

TEST(Entropy, OfStarts) {
  EXPECT_EQ(start_entropy_bits(placed({})), 0);
  const std::vector<CorpusSink> same = {sink_of(3, 5), sink_of(3, 9)};
  EXPECT_EQ(start_entropy_bits(placed(same)), 0);
  const std::vector<CorpusSink> four = {sink_of(1, 5), sink_of(2, 9), sink_of(3, 9), sink_of(4, 9)};
  EXPECT_NEAR(start_entropy_bits(placed(four)), 2, 1e-12);
}

TEST(WithinOne, CensoredEndsMayLieAnywhereLater) {
  EXPECT_TRUE(within_one(sink_of(4, 9), 5, 10));
  EXPECT_FALSE(within_one(sink_of(3, 9), 5, 10));
  EXPECT_FALSE(within_one(sink_of(5, 12), 5, 10));
  EXPECT_TRUE(within_one(sink_of(5, 12, true), 5, 10));
  EXPECT_FALSE(within_one(sink_of(5, 8, true), 5, 10));
  EXPECT_TRUE(within_one(sink_of(5, 9, true), 5, 10)) << "one layer early is within one";
  EXPECT_TRUE(within_one(sink_of(6, 11), 5, 10));
  EXPECT_FALSE(within_one(sink_of(7, 10), 5, 10));
}

TEST(Tokens, CommonestFirstThenById) {
  const std::vector<CorpusSink> sinks = {sink_of(1, 2, false, 9, 7), sink_of(1, 2, false, 9, 5),
                                         sink_of(1, 2, false, 9, 5), sink_of(1, 2, false, 9, 3)};
  const auto tokens = commonest_tokens(placed(sinks), 2);
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_EQ(tokens[0].token, 5);
  EXPECT_EQ(tokens[0].count, 2);
  EXPECT_EQ(tokens[1].token, 3);
}

SinkCorpus two_documents() {
  SinkCorpus corpus;
  corpus.n_layers = 12;
  // 300 tokens, of them 1 .. 199 eligible, 100 prompt; 100 tokens, all of them eligible, no prompt.
  corpus.documents.push_back({300, 100, 1, 200, true, 9, {sink_of(1, 2, false, 50), sink_of(1, 2, false, 150)}});
  corpus.documents.push_back({100, 0, 0, 100, true, 9, {sink_of(1, 2, false, 70)}});
  return corpus;
}

std::vector<PlacedSink> all_of(const SinkCorpus& corpus) {
  std::vector<PlacedSink> members;
  for (std::size_t d = 0; d < corpus.documents.size(); ++d) {
    for (const CorpusSink& sink : corpus.documents[d].sinks) members.push_back({d, &sink});
  }
  return members;
}

TEST(Hazard, EligibleTokensOfEachBin) {
  const SinkCorpus corpus = two_documents();
  const auto bins = hazard_by_position(corpus, all_of(corpus));
  ASSERT_EQ(bins.size(), 3U);
  EXPECT_EQ(bins[0].first, 0);
  EXPECT_EQ(bins[0].end, 128);
  EXPECT_EQ(bins[0].eligible_tokens, 127 + 100);
  EXPECT_EQ(bins[0].count, 2);
  EXPECT_EQ(bins[1].end, 256);
  EXPECT_EQ(bins[1].eligible_tokens, 72);
  EXPECT_EQ(bins[1].count, 1);
  EXPECT_NEAR(*bins[1].per_1000, 1000.0 / 72, 1e-9);
  EXPECT_EQ(bins[2].end, 300);
  EXPECT_EQ(bins[2].eligible_tokens, 0);
  EXPECT_FALSE(bins[2].per_1000.has_value());
}

TEST(Rates, PromptAndOutputApart) {
  const SinkCorpus corpus = two_documents();
  LevelOptions options;
  options.enough_documents = 2;
  RateTable table(corpus, options);
  const auto members = all_of(corpus);
  table.add(members, RateTable::Part::kAll);
  table.add(members, RateTable::Part::kPrompt);
  table.add(members, RateTable::Part::kOutput);
  const auto rates = table.compute();
  EXPECT_EQ(rates[0].count, 3);
  EXPECT_EQ(rates[0].documents, 2);
  EXPECT_EQ(rates[0].eligible_tokens, 299);
  EXPECT_EQ(rates[1].count, 1);
  EXPECT_EQ(rates[1].eligible_tokens, 99);
  EXPECT_EQ(rates[2].count, 2);
  EXPECT_EQ(rates[2].eligible_tokens, 200);
  EXPECT_NEAR(*rates[2].per_1000, 10, 1e-9);
  // Two documents: bootstraps hold one twice, the other twice, or both.
  ASSERT_TRUE(rates[0].interval.has_value());
  EXPECT_NEAR(rates[0].interval->low, 2000.0 / 199, 0.3);
  EXPECT_NEAR(rates[0].interval->high, 2000.0 / 199, 0.3);
}

// Of 100 documents of 100 tokens every other holds one sink: a draw has 50 +- 5 of them, 5 +- 0.5 per 1000.
TEST(Rates, IntervalsHoldNineteenOfTwentyDraws) {
  SinkCorpus corpus;
  corpus.n_layers = 12;
  for (int d = 0; d < 100; ++d) {
    corpus.documents.push_back({100, 0, 0, 100, true, 9, {}});
    if (d % 2 == 0) corpus.documents.back().sinks.push_back(sink_of(1, 2));
  }
  RateTable table(corpus, {});
  table.add(all_of(corpus), RateTable::Part::kAll);
  const Rate rate = table.compute()[0];
  EXPECT_EQ(rate.per_1000, 5.0);
  EXPECT_EQ(rate.documents, 50);
  // A quantile of 1000 draws is off by 0.04.
  EXPECT_NEAR(rate.interval->low, 5 - 1.96 * 0.5, 0.15);
  EXPECT_NEAR(rate.interval->high, 5 + 1.96 * 0.5, 0.15);
}

TEST(Bootstrap, DrawsAsManyAsThereAre) {
  const auto weights = bootstrap_weights(1000, 7, 3);
  std::uint64_t sum = 0, absent = 0;
  for (const auto weight : weights) {
    sum += weight;
    absent += weight == 0;
  }
  EXPECT_EQ(sum, 1000U);
  EXPECT_NEAR(static_cast<double>(absent), 1000 * std::exp(-1.0), 60);  // four standard deviations
  EXPECT_EQ(weights, bootstrap_weights(1000, 7, 3));
  EXPECT_NE(weights, bootstrap_weights(1000, 7, 4));
  EXPECT_NE(weights, bootstrap_weights(1000, 8, 3));
  EXPECT_TRUE(bootstrap_weights(0, 7, 3).empty());
}

TEST(FindLevels, RefusesSinksOutsideTheirDocument) {
  SinkCorpus corpus = two_documents();
  corpus.documents[1].sinks[0].position = 100;
  EXPECT_THROW(find_levels(corpus, {}), Error);
  corpus = two_documents();
  corpus.documents[1].sinks[0].l_end = 12;
  EXPECT_THROW(find_levels(corpus, {}), Error);
  const auto with = [](int position, int l_start, int l_end) {
    SinkCorpus changed = two_documents();
    changed.documents[1].sinks[0] = sink_of(l_start, l_end, false, position);
    return changed;
  };
  EXPECT_THROW(find_levels(with(-1, 1, 2), {}), Error);
  EXPECT_THROW(find_levels(with(50, -1, 2), {}), Error);
  EXPECT_THROW(find_levels(with(50, 3, 2), {}), Error);
  EXPECT_EQ(find_levels(with(99, 0, 11), {}).all.count, 3) << "the last position, all layers";
  EXPECT_EQ(find_levels(with(0, 2, 2), {}).all.count, 3);
}

}  // namespace
}  // namespace sinkscope
