// A corpus made by hand, and all that find_levels says of it, worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "levels/levels.h"

namespace sinkscope {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr int kDocuments = 40;

CorpusSink sink_at(int position, int l_start, int l_end, SinkKind kind, TokenId token = 7) {
  CorpusSink sink;
  sink.position = position;
  sink.l_start = l_start;
  sink.l_end = l_end;
  sink.kind = kind;
  sink.token = token;
  return sink;
}

// 1000 tokens, of them 1 to 800 eligible, 100 prompt; ends from layer 20 on are not seen.
CorpusDocument document_with(std::vector<CorpusSink> sinks) { return {1000, 100, 1, 801, true, 20, std::move(sinks)}; }

// A sink of the first level in each document d: at 20 + 4 d, from layer 4 on, of ten one from 5 on; to layer 9, of ten
// one to 7, two to 8, two to 10, one to 11.
CorpusSink of_first_level(int d) {
  constexpr int kEnds[] = {7, 8, 8, 9, 9, 9, 9, 10, 10, 11};
  CorpusSink sink = sink_at(20 + 4 * d, d % 10 == 4 ? 5 : 4, kEnds[d % 10], SinkKind::kSecondary, d % 4 == 0 ? 9 : 7);
  sink.norm_ratio = 10.0F + static_cast<float>(d);
  if (d % 2 == 0) sink.logit_gap = -static_cast<float>(d);
  sink.far_boost = 5.0F;
  return sink;
}

SinkCorpus by_hand() {
  SinkCorpus corpus;
  corpus.n_layers = 24;
  corpus.labels = {"never", "seldom"};
  for (int d = 0; d < kDocuments; ++d) {
    CorpusDocument document = document_with({of_first_level(d)});
    if (d % 2 == 1) {
      CorpusSink late = sink_at(600, 12, d == 1 ? 23 : 22, SinkKind::kUnaligned);
      late.censored = true;
      if (d == 1) late.n_tokens = 3;
      if (d < 6) late.label = 1;
      document.sinks.push_back(late);
    }
    if (d == 2) document.sinks.push_back(sink_at(700, 1, 18, SinkKind::kPrimaryLike));
    if (d == 3) document.sinks.push_back(sink_at(790, 15, 16, SinkKind::kPrimaryLike));
    corpus.documents.push_back(document);
  }
  for (int i = 0; i < 2; ++i) corpus.documents.push_back({500, 0, 0, 0, false, 21, {}});
  return corpus;
}

double entropy(const std::vector<double>& counts) {
  double all = 0, bits = 0;
  for (const double n : counts) all += n;
  for (const double n : counts) bits -= n / all * std::log2(n / all);
  return bits;
}

void expect_rate(const Rate& rate, std::int64_t count, std::int64_t documents, std::int64_t eligible) {
  EXPECT_EQ(rate.count, count);
  EXPECT_EQ(rate.documents, documents);
  EXPECT_EQ(rate.eligible_tokens, eligible);
  EXPECT_THAT(rate.per_1000, Optional(DoubleNear(1000.0 * static_cast<double>(count) / static_cast<double>(eligible), 1e-12)));
  ASSERT_TRUE(rate.interval);
  EXPECT_LE(rate.interval->low, *rate.per_1000);
  EXPECT_GE(rate.interval->high, *rate.per_1000);
}

TEST(FindLevels, SaysOfACorpusWhatCanBeCounted) {
  const LevelReport report = find_levels(by_hand(), {});
  EXPECT_EQ(report.n_layers, 24);
  EXPECT_EQ(report.documents, 42);
  EXPECT_EQ(report.documents_without_primary, 2);
  EXPECT_EQ(report.tokens, 41000);
  EXPECT_EQ(report.groups, 1);
  EXPECT_EQ(report.group_tokens, 3);
  EXPECT_TRUE(report.enough_documents);
  expect_rate(report.all, 62, 40, 32000);
  expect_rate(report.unassigned, 2, 2, 32000);
  EXPECT_NEAR(report.start_entropy_bits, entropy({36, 4, 20, 1, 1}), 1e-12);
  EXPECT_NEAR(report.within_one_frac, 52.0 / 62, 1e-12) << "ends two layers off are not";
  ASSERT_EQ(report.by_kind.size(), 3U);
  EXPECT_EQ(report.by_kind[0].name, "primary_like");
  expect_rate(report.by_kind[0].rate, 2, 2, 32000);
  EXPECT_EQ(report.by_kind[1].name, "secondary");
  expect_rate(report.by_kind[1].rate, 40, 40, 32000);
  EXPECT_EQ(report.by_kind[2].name, "unaligned");
  expect_rate(report.by_kind[2].rate, 20, 20, 32000);
  ASSERT_EQ(report.by_label.size(), 1U) << "those that occur";
  EXPECT_EQ(report.by_label[0].name, "seldom");
  expect_rate(report.by_label[0].rate, 3, 3, 32000);
  EXPECT_THAT(report.weak, IsEmpty());
}

TEST(FindLevels, SaysOfALevelWhatCanBeCounted) {
  const LevelReport report = find_levels(by_hand(), {});
  ASSERT_EQ(report.levels.size(), 2U);
  const Level& level = report.levels[0];
  EXPECT_EQ(level.l_start, 4);
  EXPECT_EQ(level.l_end, 9);
  EXPECT_FALSE(level.l_end_is_lower_bound);
  EXPECT_EQ(level.stability, 1);
  EXPECT_FALSE(level.tentative);
  expect_rate(level.rate, 40, 40, 32000);
  expect_rate(level.prompt_rate, 20, 20, 40 * 99);
  expect_rate(level.output_rate, 20, 20, 32000 - 40 * 99);
  EXPECT_EQ(level.lifetimes.shortest, 4);
  EXPECT_EQ(level.lifetimes.median, 6);
  EXPECT_EQ(level.lifetimes.longest, 8);
  EXPECT_EQ(level.lifetimes.censored, 0);
  EXPECT_NEAR(level.within_one_frac, 0.8, 1e-12);
  EXPECT_NEAR(level.start_entropy_bits, entropy({4, 36}), 1e-12);
  EXPECT_EQ(level.norm_ratio, 29.5);
  EXPECT_EQ(level.logit_gap, -19) << "of those that have one";
  EXPECT_EQ(level.far_boost, 5);
  ASSERT_EQ(level.tokens.size(), 2U);
  EXPECT_EQ(level.tokens[0].token, 7);
  EXPECT_EQ(level.tokens[0].count, 30);
  EXPECT_EQ(level.tokens[1].count, 10);
  std::vector<std::tuple<int, int, std::int64_t, std::int64_t>> bins;
  for (const HazardBin& bin : level.hazard) bins.emplace_back(bin.first, bin.end, bin.count, bin.eligible_tokens);
  EXPECT_THAT(bins, ElementsAre(std::tuple(0, 128, 27, 40 * 127), std::tuple(128, 256, 13, 40 * 128),
                                std::tuple(256, 512, 0, 40 * 256), std::tuple(512, 1000, 0, 40 * 289)));
}

TEST(FindLevels, OfALevelWhoseEndsAreNotSeenTheRangeIsABound) {
  const LevelReport report = find_levels(by_hand(), {});
  ASSERT_EQ(report.levels.size(), 2U);
  const Level& level = report.levels[1];
  EXPECT_EQ(level.l_start, 12);
  EXPECT_EQ(level.l_end, 22) << "the median lifetime, 11 layers from 12 on";
  EXPECT_TRUE(level.l_end_is_lower_bound);
  EXPECT_TRUE(level.lifetimes.median_is_lower_bound);
  EXPECT_EQ(level.lifetimes.median, 11);
  EXPECT_EQ(level.lifetimes.longest, 12);
  EXPECT_EQ(level.lifetimes.censored, 20);
  EXPECT_EQ(level.start_entropy_bits, 0);
  EXPECT_EQ(level.within_one_frac, 1);
  EXPECT_FALSE(level.norm_ratio || level.logit_gap || level.far_boost) << "nothing was measured";
  expect_rate(level.rate, 20, 20, 32000);
  EXPECT_EQ(level.prompt_rate.count, 0);
  ASSERT_TRUE(level.prompt_rate.interval);
  EXPECT_EQ(level.prompt_rate.interval->low, 0);
  EXPECT_NEAR(level.prompt_rate.interval->high, 3000.0 / (40 * 99), 1e-12) << "none of so many: the rule of three";
}

TEST(FindLevels, EachSinkHasItsLevel) {
  const SinkCorpus corpus = by_hand();
  const LevelReport report = find_levels(corpus, {});
  std::size_t i = 0;
  for (const CorpusDocument& document : corpus.documents) {
    for (const CorpusSink& sink : document.sinks) {
      ASSERT_LT(i, report.level_of_sink.size());
      const auto expected = sink.kind == SinkKind::kPrimaryLike ? std::nullopt
                                                                : std::optional(sink.kind == SinkKind::kUnaligned ? 1 : 0);
      EXPECT_EQ(report.level_of_sink[i], expected) << sink.l_start << " to " << sink.l_end;
      ++i;
    }
  }
  EXPECT_EQ(report.level_of_sink.size(), i);
}

SinkCorpus first_levels_of(int n_documents) {
  SinkCorpus corpus;
  corpus.n_layers = 24;
  for (int d = 0; d < n_documents; ++d) corpus.documents.push_back(document_with({sink_at(150, 4, 9, SinkKind::kSecondary)}));
  return corpus;
}

TEST(FindLevels, FewDocumentsShowNoStability) {
  const LevelReport four = find_levels(first_levels_of(4), {});
  EXPECT_FALSE(four.enough_documents);
  ASSERT_EQ(four.levels.size(), 1U);
  EXPECT_FALSE(four.levels[0].stability);
  EXPECT_TRUE(four.levels[0].tentative);
  EXPECT_FALSE(four.levels[0].rate.interval);
  EXPECT_TRUE(four.levels[0].prompt_rate.interval) << "of none the bound needs no draws";
  const LevelReport five = find_levels(first_levels_of(5), {});
  EXPECT_TRUE(five.enough_documents);
  ASSERT_EQ(five.levels.size(), 1U);
  EXPECT_EQ(five.levels[0].stability, 1);
  EXPECT_FALSE(five.levels[0].tentative);
  EXPECT_TRUE(five.levels[0].rate.interval);
  // Documents that hold no sink count, but make no level surer.
  SinkCorpus empty_ones = first_levels_of(4);
  for (int i = 0; i < 6; ++i) empty_ones.documents.push_back(document_with({}));
  const LevelReport ten = find_levels(empty_ones, {});
  ASSERT_EQ(ten.levels.size() + ten.weak.size(), 1U);
  EXPECT_TRUE(ten.levels.empty() || ten.levels[0].tentative);
}

// A part without tokens has no rate; those after it have theirs.
TEST(FindLevels, WithoutPromptsOnlyTheRateOfPromptsIsMissing) {
  SinkCorpus corpus = first_levels_of(20);
  for (CorpusDocument& document : corpus.documents) document.prompt_tokens = 0;
  const LevelReport report = find_levels(corpus, {});
  ASSERT_EQ(report.levels.size(), 1U);
  EXPECT_FALSE(report.levels[0].prompt_rate.per_1000 || report.levels[0].prompt_rate.interval);
  expect_rate(report.levels[0].output_rate, 20, 20, 20 * 800);
  expect_rate(report.levels[0].rate, 20, 20, 20 * 800);
}

// One document of many sinks: it is drawn in 1 - 1/e of the bootstraps.
TEST(FindLevels, WhatOneDocumentMakesIsWeak) {
  SinkCorpus corpus = first_levels_of(40);
  for (int i = 0; i < 8; ++i) corpus.documents[3].sinks.push_back(sink_at(300 + i, 14, 18, SinkKind::kSecondary));
  const LevelReport report = find_levels(corpus, {});
  ASSERT_EQ(report.levels.size(), 1U);
  EXPECT_EQ(report.levels[0].l_start, 4);
  ASSERT_EQ(report.weak.size(), 1U);
  EXPECT_EQ(report.weak[0].l_start, 14);
  EXPECT_EQ(report.weak[0].l_end, 18);
  EXPECT_FALSE(report.weak[0].l_end_is_lower_bound);
  EXPECT_EQ(report.weak[0].count, 8);
  EXPECT_EQ(report.weak[0].documents, 1);
  EXPECT_NEAR(report.weak[0].stability, 1 - std::exp(-1.0), 0.15);  // three standard deviations of 100 draws
  EXPECT_EQ(report.unassigned.count, 8);
  LevelOptions lenient;
  lenient.min_stability = 0.3;
  EXPECT_EQ(find_levels(corpus, lenient).levels.size(), 2U);
}

TEST(FindLevels, ALevelHasAsManySinksAsAreAskedFor) {
  SinkCorpus corpus = first_levels_of(40);
  for (int d = 0; d < 20; ++d) corpus.documents[static_cast<std::size_t>(d)].sinks.push_back(sink_at(300, 14, 18, SinkKind::kSecondary));
  LevelOptions options;
  options.min_stability = 0;  // draws of the documents hold more or fewer
  options.min_sinks = 18;
  EXPECT_EQ(find_levels(corpus, options).levels.size(), 2U);
  options.min_sinks = 22;
  EXPECT_EQ(find_levels(corpus, options).levels.size(), 1U);
  options.min_sinks = 3;
  options.most_levels = 1;
  EXPECT_EQ(find_levels(corpus, options).levels.size(), 1U);
}

TEST(FindLevels, NothingOfNothing) {
  const LevelReport report = find_levels({24, {}, {}}, {});
  EXPECT_EQ(report.documents, 0);
  EXPECT_EQ(report.within_one_frac, 0);
  EXPECT_THAT(report.levels, IsEmpty());
  EXPECT_FALSE(report.all.per_1000);
  EXPECT_FALSE(report.all.interval);
}

}  // namespace
}  // namespace sinkscope
