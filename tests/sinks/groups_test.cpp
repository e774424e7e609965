#include "sinks/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "constructed.h"
#include "measure/pack_meter.h"
#include "sinks/attention_evidence.h"
#include "tests/support/fake_network.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<int> positions(int first, int end) {
  std::vector<int> all(static_cast<std::size_t>(end - first));
  std::iota(all.begin(), all.end(), first);
  return all;
}

// An aligned token of its own boost, with what it gets of the 400 queries' worth of far attention that all tokens have.
TokenProfile member(int position, int first, int last, float far_boost, float far_attention, float norm = 80) {
  TokenProfile token = ordinary_token(position);
  make_aligned(token, first, last, far_boost);
  set(token.hidden_norm, first, last, norm);
  set(token.far_attention, first + 1, std::min(last + 1, kLayers - 1), far_attention);
  return token;
}

TEST(Groups, ShareTheAttentionThatNoMemberDrawsAlone) {
  SequenceFigures figures = one_primary();
  for (int p = 100; p < 120; ++p) figures.tokens.push_back(member(p, 4, 8, 2, 5));
  const Detection detection = detect_by_evidence(figures, {});
  for (const auto& run : detection.runs) EXPECT_EQ(run.verdict, Verdict::kAlignedOnly);
  ASSERT_THAT(detection.groups, SizeIs(1));
  const SinkGroup& group = detection.groups[0];
  EXPECT_EQ(group.members, positions(100, 120));
  EXPECT_EQ(group.verdict, Verdict::kSink);
  EXPECT_EQ(group.kind, SinkKind::kSecondary);
  EXPECT_EQ(group.l_start, 4);
  EXPECT_EQ(group.l_end, 8);
  EXPECT_EQ(group.lifetime, 5);
  EXPECT_EQ(group.norm_ratio_median, 8);
  EXPECT_EQ(group.alignment_median, 0.99F);
  // 100 of 400 queries; 5 a token for an even share of 1, against 300 for 780.
  EXPECT_NEAR(*group.mass_mean, 0.25, 1e-6);
  EXPECT_NEAR(*group.joint_boost_median, 5 / (300.0 / 780), 1e-4);
  EXPECT_NEAR(*group.margin, 13.0 / 5 - 1, 1e-4);
  EXPECT_EQ(detection.runs[0].group, 0);
  EXPECT_FALSE(detection.primary->group);
  EXPECT_EQ(detection.n_sinks(), 1);
}

// Layers 4 to 8 are read by blocks 5 to 9: each has 2 queries' worth more than the one before it.
TEST(Groups, DrawInTheBlocksThatReadThem) {
  SequenceFigures figures = one_primary();
  for (const int p : {100, 101}) {
    TokenProfile token = member(p, 4, 8, 2, 0);
    for (int block = 0; block < kLayers; ++block) set(token.far_attention, block, block, static_cast<float>(2 * block));
    for (int block = 0; block < kLayers; ++block)
      set(token.attention_share, block, block, 0.01F * static_cast<float>(block));
    figures.tokens.push_back(token);
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_NEAR(*detection.groups[0].mass_mean, 2 * 14 / 400.0, 1e-6);
  EXPECT_NEAR(*detection.groups[0].mass_max, 2 * 18 / 400.0, 1e-6);
  EXPECT_NEAR(*detection.groups[0].attention_share, 2 * 0.07, 1e-6);
  // 28 of 400 queries for an even share of 2 of 800.
  EXPECT_NEAR(*detection.groups[0].joint_boost_median, 14 / (372.0 / 798), 1e-4);
}

// Of a primary's active intervals the longest is where others may be its equals.
TEST(Groups, AreEqualsOfThePrimaryInItsLongestInterval) {
  for (const bool early : {true, false}) {
    SequenceFigures figures = one_primary();
    for (TokenProfile& token : figures.first_positions) set(token.norm_ratio, 0, 11, 1);
    TokenProfile& primary = figures.first_positions[0];
    set(primary.norm_ratio, 0, 5, 8);  // the longest
    set(primary.norm_ratio, 9, 11, 8);
    set(primary.far_boost, 0, 11, 3);  // too little by itself
    set(primary.far_attention, 0, 11, 5);
    set(primary.alignment, 0, 11, 1);
    set(primary.hidden_norm, 0, 11, 80);
    for (int p = 100; p < 140; ++p) {
      TokenProfile token = ordinary_token(p);
      const int first = early ? 0 : 9, last = early ? 5 : 11;
      make_aligned(token, first, last, 3);
      set(token.alignment, first, last, 1);
      set(token.hidden_norm, first, last, 80);
      set(token.far_attention, 0, 11, 5);
      figures.tokens.push_back(token);
    }
    EXPECT_EQ(detect_by_evidence(figures, {}).primary.has_value(), early);
  }
}

TEST(Groups, KeepTheVerdictsOfSingleTokens) {
  SequenceFigures figures = one_primary();
  for (int p = 100; p < 104; ++p) figures.tokens.push_back(member(p, 4, 8, p < 102 ? 12 : 4, 20));
  figures.tokens.push_back(member(200, 4, 8, 12, 20, 200));  // another norm: a sink of its own
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.runs, SizeIs(5));
  for (const auto& run : detection.runs) {
    const bool draws = run.position < 102 || run.position == 200;
    EXPECT_EQ(run.verdict, draws ? Verdict::kSink : Verdict::kAlignedOnly);
    EXPECT_EQ(detection.in_sink_group(run), run.position < 200);
  }
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_THAT(detection.groups[0].members, ElementsAre(100, 101, 102, 103));
  EXPECT_EQ(detection.n_sinks(), 3) << "by themselves, and so the group does not count";
}

TEST(Groups, AreTokensOfOneNormOneDirectionAndTheSameLayers) {
  SequenceFigures figures = one_primary();
  figures.tokens.push_back(member(100, 4, 8, 2, 20, 80));
  figures.tokens.push_back(member(101, 4, 8, 2, 20, 73));  // 9 % shorter
  figures.tokens.push_back(member(102, 4, 8, 2, 20, 71));  // 11 %
  figures.tokens.push_back(member(103, 4, 8, 2, 20));
  set(figures.tokens.back().alignment, 4, 8, 0.96F);   // by 0.03 further from the primary
  figures.tokens.push_back(member(104, 5, 8, 2, 20));  // four of five layers
  figures.tokens.push_back(member(105, 8, 9, 2, 20));  // one of six
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_THAT(detection.groups[0].members, ElementsAre(100, 101, 104));
  Thresholds looser;
  looser.group_norm_gap = 0.2F;
  looser.group_alignment_gap = 0.05F;
  EXPECT_THAT(detect_by_evidence(figures, looser).groups.at(0).members, ElementsAre(100, 101, 102, 103, 104));
}

TEST(Groups, OfTokensThatDrawTheirEvenShareAreNoSinks) {
  SequenceFigures figures = one_primary();
  for (int p = 100; p < 104; ++p) figures.tokens.push_back(member(p, 4, 8, 0.6F, 0.6F));
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].verdict, Verdict::kAlignedOnly);
  EXPECT_EQ(detection.n_sinks(), 0);
  EXPECT_FALSE(detection.in_sink_group(detection.runs[0]));
}

// The primary's state at 60 positions: none of them draws five times an even share.
TEST(Groups, HaveThePrimaryForAMemberAndItsAttention) {
  SequenceFigures figures = one_primary();
  figures.first_positions.clear();
  for (int p = 0; p < 60; ++p) {
    TokenProfile token = member(p, 2, 9, 3, 4);
    set(token.alignment, 2, 9, p == 0 ? 1.0F : 0.995F);
    (p < kPrimaryCandidates ? figures.first_positions : figures.tokens).push_back(token);
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
  EXPECT_EQ(detection.primary->position, 0);
  EXPECT_EQ(detection.primary->set, positions(0, kPrimaryCandidates));
  EXPECT_EQ(detection.primary->group, 0);
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].members, positions(0, 60));
  EXPECT_EQ(detection.groups[0].kind, SinkKind::kPrimary);
  EXPECT_EQ(detection.groups[0].verdict, Verdict::kSink);
  EXPECT_NEAR(*detection.groups[0].mass_mean, 60 * 4 / 400.0, 1e-6);
  EXPECT_EQ(detection.n_sinks(), 0) << "all of them are the primary";
  // Without what its equals draw it would be none.
  figures.tokens.clear();
  figures.first_positions.resize(1);
  EXPECT_THAT(detect_by_evidence(figures, {}).no_primary_reason, HasSubstr("far boost"));
}

TEST(Groups, AreNoneOfTokensThatDiffer) {
  SequenceFigures figures = one_primary();
  for (int i = 0; i < 5; ++i)
    figures.tokens.push_back(member(100 + i, 4, 8, 12, 20, 40.0F * std::pow(1.2F, static_cast<float>(i))));
  EXPECT_THAT(detect_by_evidence(figures, {}).groups, IsEmpty());
}

// Two words in turns: states of one direction whose norms fall, of which none draws five times an even share.
TEST(Groups, OfOneDirectionAreJudgedTogetherWhateverTheirNorms) {
  for (const bool much : {true, false}) {
    SequenceFigures figures = one_primary();
    for (int i = 0; i < 20; ++i) {
      // 20 of 400 queries' worth are 5 each; 4.9 each are a little less than a quarter.
      figures.tokens.push_back(
          member(100 + i, 4, 8, 2, much ? 5 : 4.9F, 4000 * std::pow(0.8F, static_cast<float>(i))));
    }
    const Detection detection = detect_by_evidence(figures, {});
    ASSERT_THAT(detection.groups, SizeIs(much ? 1 : 0));
    EXPECT_EQ(detection.n_sinks(), much ? 1 : 0);
    if (!much) continue;
    const SinkGroup& group = detection.groups[0];
    EXPECT_EQ(group.members, positions(100, 120));
    EXPECT_FALSE(group.equal_norms);
    EXPECT_EQ(group.verdict, Verdict::kSink);
    EXPECT_NEAR(*group.mass_mean, 0.25, 1e-6);
    EXPECT_NEAR(*group.joint_boost_median, 5 / (300.0 / 780), 1e-4);
    EXPECT_TRUE(detection.in_sink_group(detection.runs[19]));
  }
}

// The first states of a direction may be short-lived: they divide what the long ones draw with them, and lead none of them away.
TEST(Groups, OfOneDirectionHoldShortSpansWithinLongOnes) {
  SequenceFigures figures = one_primary();
  for (int i = 0; i < 20; ++i) {
    const bool is_short = i % 2 == 0;
    figures.tokens.push_back(member(100 + i, 4, is_short ? 5 : 8, 2, is_short ? 3 : 9, 4000 * std::pow(0.8F, static_cast<float>(i))));
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].members, positions(100, 120));
  EXPECT_EQ(detection.groups[0].verdict, Verdict::kSink);
  // Of 400: in blocks 5 and 6 all draw, 10 x 3 + 10 x 9; then the long ones alone.
  EXPECT_NEAR(*detection.groups[0].mass_max, 120 / 400.0, 1e-6);
}

// Many tokens draw much by their number: they are shown, as no sink.
TEST(Groups, OfOneDirectionThatAreManyAreNoSinkByTheirNumber) {
  SequenceFigures figures = one_primary();
  for (int i = 0; i < 200; ++i) figures.tokens.push_back(member(100 + i, 4, 8, 2, 1, 4000 * std::pow(0.97F, static_cast<float>(i))));
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  const SinkGroup& group = detection.groups[0];
  EXPECT_EQ(group.verdict, Verdict::kAlignedOnly);
  EXPECT_FALSE(group.equal_norms);
  EXPECT_NEAR(*group.mass_mean, 0.5, 1e-6);
  EXPECT_NEAR(*group.joint_boost_median, 1 / (200.0 / 600), 1e-4);
  EXPECT_EQ(detection.n_sinks(), 0);
}

// A token with too few queries behind it says nothing, in a group either.
TEST(Groups, HoldNoTokensThatNobodyCouldJudge) {
  SequenceFigures figures = one_primary();
  for (int p = 100; p < 120; ++p) figures.tokens.push_back(member(p, 4, 8, 2, 5));
  TokenProfile last = member(700, 4, 8, 2, 5);
  std::ranges::fill(last.far_boost, std::nullopt);
  figures.tokens.push_back(last);
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].members, positions(100, 120));
  EXPECT_EQ(detection.runs.back().verdict, Verdict::kUnscored);
  EXPECT_FALSE(detection.runs.back().group);
}

// What is a sink by itself lends its attention to no others, and equals that are a sink together stay a group of their own.
TEST(Groups, OfOneDirectionHoldNoSinks) {
  SequenceFigures figures = one_primary();
  figures.tokens.push_back(member(90, 4, 8, 12, 300, 5000));
  for (int p = 100; p < 110; ++p) figures.tokens.push_back(member(p, 4, 8, 2, 10, 80));
  for (int i = 0; i < 10; ++i) {
    figures.tokens.push_back(member(200 + i, 4, 8, 0.5F, 0.5F, 100 * std::pow(1.3F, static_cast<float>(i))));
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].members, positions(100, 110));
  EXPECT_TRUE(detection.groups[0].equal_norms);
}

// Equals that draw too little together go on into the larger group, and are listed once.
TEST(Groups, OfOneDirectionTakeInSmallerOnesThatFailed) {
  SequenceFigures figures = one_primary();
  for (int i = 0; i < 12; ++i) {
    const float norm = i < 4 ? 80 : 100 * std::pow(1.3F, static_cast<float>(i));
    figures.tokens.push_back(member(100 + i, 4, 8, 2, i < 4 ? 1 : 14, norm));
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_THAT(detection.groups, SizeIs(1));
  EXPECT_EQ(detection.groups[0].members, positions(100, 112));
  EXPECT_EQ(detection.runs[0].group, 0);
}

TEST(Groups, HaveAPrimaryOfUnlikeNorms) {
  for (const float each : {4.0F, 1.6F}) {
    SequenceFigures figures = one_primary();
    figures.first_positions.clear();
    for (int p = 0; p < 60; ++p) {
      TokenProfile token = member(p, 2, 9, 3, each, 1e5F * std::pow(0.85F, static_cast<float>(p)));
      set(token.alignment, 2, 9, p == 0 ? 1.0F : 0.97F);
      (p < kPrimaryCandidates ? figures.first_positions : figures.tokens).push_back(token);
    }
    const Detection detection = detect_by_evidence(figures, {});
    if (each < 4) {  // 96 of 400 queries' worth: under a quarter
      EXPECT_THAT(detection.no_primary_reason, HasSubstr("far boost"));
      continue;
    }
    ASSERT_TRUE(detection.primary) << detection.no_primary_reason;
    EXPECT_EQ(detection.primary->position, 0);
    EXPECT_EQ(detection.primary->group, 0);
    ASSERT_THAT(detection.groups, SizeIs(1));
    EXPECT_EQ(detection.groups[0].members, positions(0, 60));
    EXPECT_EQ(detection.groups[0].kind, SinkKind::kPrimary);
    EXPECT_NEAR(*detection.groups[0].mass_mean, 60 * 4 / 400.0, 1e-6);
    EXPECT_EQ(detection.n_sinks(), 0);
  }
}

// Against sums over the whole matrix of attention.
TEST(JointAttention, IsTheSumOfEveryFarPair) {
  constexpr int kTokens = 300, kDistance = 64;
  const ModelFacts facts = fake_facts(3, 16, 2);
  std::vector<FakeSequence> sequences;
  sequences.emplace_back(facts, kTokens, 5U);
  const std::vector<int> watched = {3, 40, 41, 150, 230};
  for (auto& layer : sequences[0].logit) {
    for (std::size_t h = 0; h < 2; ++h) {
      for (std::size_t q = 0; q < kTokens; ++q) {
        for (const int k : watched) layer(h, q, static_cast<std::size_t>(k)) += 3;
      }
    }
  }
  const SequenceMeasurement measured = FakeNetwork(facts, sequences).measure(128).at(0);
  CandidateFloor all;
  all.alignment = -1;
  all.norm_ratio = 0;
  const SequenceFigures figures = reduce(measured, 0, all);
  std::vector<const TokenProfile*> members;
  for (const auto* profiles : {&figures.first_positions, &figures.tokens}) {
    for (const TokenProfile& token : *profiles) {
      if (std::ranges::count(watched, token.position) > 0) members.push_back(&token);
    }
  }
  ASSERT_THAT(members, SizeIs(watched.size()));
  const JointAttention joint = joint_attention(figures, members);
  for (std::size_t l = 0; l < 3; ++l) {
    double of_members = 0, of_all = 0, even = 0, all_even = 0;
    for (std::size_t q = 0; q < kTokens; ++q) {
      for (std::size_t h = 0; h < 2; ++h) {
        const std::vector<double> row = sequences[0].attention(l, h, q);
        for (std::size_t k = 0; k + kDistance <= q; ++k) {
          const bool is_member = std::ranges::count(watched, static_cast<int>(k)) > 0;
          of_all += row[k] / 2;
          all_even += 0.5 / static_cast<double>(q + 1);
          if (!is_member) continue;
          of_members += row[k] / 2;
          even += 0.5 / static_cast<double>(q + 1);
        }
      }
    }
    EXPECT_NEAR(*joint.mass[l], of_members / of_all, 1e-5);
    EXPECT_NEAR(*joint.boost[l], (of_members / even) / ((of_all - of_members) / (all_even - even)), 1e-3);
  }
}

}  // namespace
}  // namespace sinkscope
