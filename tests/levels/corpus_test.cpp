// What every rate is divided by, and from which layer on ends are not seen.
#include "levels/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

SequenceFigures figures_of(int n_tokens, int min_distance = 64) {
  SequenceFigures figures;
  figures.n_layers = 12;
  figures.n_tokens = n_tokens;
  figures.min_distance = min_distance;
  figures.prompt_tokens = 7;
  return figures;
}

Primary primary_at(int position, std::vector<int> set = {}) {
  Primary primary;
  primary.position = position;
  primary.set = std::move(set);
  return primary;
}

std::vector<TokenId> tokens_of(int n) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(n));
  for (int t = 0; t < n; ++t) tokens[static_cast<std::size_t>(t)] = 1000 + t;
  return tokens;
}

// Slow twin: positions from `begin` on with 64 queries min_distance or more behind them.
EligiblePositions counted(int n_tokens, int min_distance, int begin) {
  EligiblePositions eligible{begin, begin};
  for (int position = begin; position < n_tokens; ++position) {
    int far = 0;
    for (int query = position; query < n_tokens; ++query) far += query - position >= min_distance;
    if (far >= 64) eligible.end = position + 1;
  }
  return eligible;
}

TEST(EligiblePositions, HaveEnoughFarQueriesBehindThem) {
  for (const int n_tokens : {1000, 200, 129, 128, 127, 60}) {
    for (const int distance : {64, 16, 0}) {
      const auto got = eligible_positions(figures_of(n_tokens, distance), primary_at(0, {0}));
      const EligiblePositions expected = counted(n_tokens, distance, 1);
      EXPECT_EQ(got.begin, expected.begin);
      EXPECT_EQ(got.end, expected.end) << n_tokens << " tokens, distance " << distance;
    }
  }
  // 1000 - 64 - 64: position 872 is seen by queries 936 to 999.
  EXPECT_EQ(eligible_positions(figures_of(1000), primary_at(0, {0})).end, 873);
  EXPECT_EQ(eligible_positions(figures_of(1000), primary_at(0, {0})).count(), 872);
}

TEST(EligiblePositions, BeginAfterThePrimaryAndItsSet) {
  EXPECT_EQ(eligible_positions(figures_of(1000), primary_at(0, {0, 1, 2})).begin, 3);
  EXPECT_EQ(eligible_positions(figures_of(1000), primary_at(4, {2, 4})).begin, 5);
  EXPECT_EQ(eligible_positions(figures_of(1000), primary_at(4)).begin, 5);
  EXPECT_EQ(eligible_positions(figures_of(1000), std::nullopt).count(), 0);
}

TEST(Rates, ArePerThousandEligibleTokens) {
  EXPECT_EQ(per_1000(3, 6), 500.0);
  EXPECT_EQ(per_1000(0, 10), 0.0);
  EXPECT_FALSE(per_1000(0, 0));
}

TEST(CorpusDocuments, SeeNoEndsCloseToThePrimarysOrTheNetworks) {
  Detection detection;
  Thresholds thresholds;
  const auto horizon = [&] { return corpus_document(figures_of(1000), detection, thresholds, {}, {}).horizon; };
  EXPECT_EQ(horizon(), 9) << "no primary: the network ends in layer 11";
  detection.primary = primary_at(0, {0});
  EXPECT_EQ(horizon(), 9) << "a primary without active layers";
  detection.primary->active_layers = {{1, 3}, {5, 8}};
  EXPECT_EQ(horizon(), 6) << "the last of the primary's layers";
  thresholds.censor_layers = 0;
  EXPECT_EQ(horizon(), 8);
  detection.primary->active_layers = {{1, 11}};
  EXPECT_EQ(horizon(), 11);
}

TEST(CorpusDocuments, HoldWhatTheRatesAreOf) {
  Detection detection;
  detection.primary = primary_at(0, {0, 1});
  detection.primary->active_layers = {{1, 9}};
  const CorpusDocument document = corpus_document(figures_of(1000), detection, {}, {}, {});
  EXPECT_EQ(document.n_tokens, 1000);
  EXPECT_EQ(document.prompt_tokens, 7);
  EXPECT_TRUE(document.has_primary);
  EXPECT_EQ(document.eligible_begin, 2);
  EXPECT_EQ(document.eligible_end, 873);
  EXPECT_FALSE(corpus_document(figures_of(1000), {}, {}, {}, {}).has_primary);
}

Run run_at(int position, SinkKind kind, Verdict verdict = Verdict::kSink) {
  Run run;
  run.position = position;
  run.kind = kind;
  run.verdict = verdict;
  run.l_start = 4;
  run.l_end = 7;
  run.norm_ratio_median = 8;
  run.far_boost_median = 12;
  run.logit_gap = -1;
  return run;
}

TEST(CorpusDocuments, HoldTheSinksOfTheWantedKindsInOrder) {
  Detection detection;
  detection.runs = {run_at(300, SinkKind::kSecondary), run_at(400, SinkKind::kUnaligned),
                    run_at(500, SinkKind::kSecondary, Verdict::kAlignedOnly), run_at(200, SinkKind::kPrimaryLike)};
  detection.runs[0].censored = true;
  const auto document =
      corpus_document(figures_of(1000), detection, {}, tokens_of(1000), {SinkKind::kSecondary, SinkKind::kPrimaryLike});
  ASSERT_EQ(document.sinks.size(), 2U);
  EXPECT_EQ(document.sinks[0].position, 200);
  EXPECT_EQ(document.sinks[0].token, 1200);
  EXPECT_EQ(document.sinks[0].kind, SinkKind::kPrimaryLike);
  EXPECT_FALSE(document.sinks[0].censored);
  EXPECT_EQ(document.sinks[1].position, 300);
  EXPECT_TRUE(document.sinks[1].censored);
  EXPECT_EQ(document.sinks[1].l_start, 4);
  EXPECT_EQ(document.sinks[1].l_end, 7);
  EXPECT_EQ(document.sinks[1].norm_ratio, 8);
  EXPECT_EQ(document.sinks[1].logit_gap, -1);
  EXPECT_EQ(document.sinks[1].far_boost, 12);
  EXPECT_EQ(document.sinks[1].n_tokens, 1);
}

// A group's end is censored where those of more than half of its members' runs are.
TEST(CorpusDocuments, HoldGroupsAsOneSink) {
  Detection detection;
  for (int i = 0; i < 4; ++i) {
    detection.runs.push_back(run_at(300 + i, SinkKind::kSecondary, Verdict::kAlignedOnly));
    detection.runs.back().group = 0;
  }
  SinkGroup group;
  group.members = {300, 301, 302, 303};
  group.kind = SinkKind::kSecondary;
  group.verdict = Verdict::kSink;
  group.l_start = 4;
  group.l_end = 7;
  group.joint_boost_median = 20;
  group.norm_ratio_median = 9;
  group.runs = {0, 1, 2, 3};
  detection.groups = {group};
  const auto made = [&] {
    return corpus_document(figures_of(1000), detection, {}, tokens_of(1000), {SinkKind::kSecondary}).sinks;
  };
  for (std::size_t i = 0; i < 2; ++i) detection.runs[i].censored = true;
  ASSERT_EQ(made().size(), 1U);
  EXPECT_EQ(made()[0].position, 300);
  EXPECT_EQ(made()[0].token, 1300);
  EXPECT_EQ(made()[0].n_tokens, 4);
  EXPECT_EQ(made()[0].far_boost, 20);
  EXPECT_EQ(made()[0].norm_ratio, 9);
  EXPECT_FALSE(made()[0].censored) << "two of four";
  detection.runs[2].censored = true;
  EXPECT_TRUE(made()[0].censored) << "three of four";
  // One that does not count hides none behind it.
  SinkGroup no_sink = group;
  no_sink.verdict = Verdict::kAlignedOnly;
  detection.groups = {no_sink, group};
  EXPECT_EQ(made().size(), 1U);
  EXPECT_TRUE(corpus_document(figures_of(1000), detection, {}, tokens_of(1000), {SinkKind::kUnaligned}).sinks.empty());
}

}  // namespace
}  // namespace sinkscope
