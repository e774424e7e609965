// Parts, controls and ends of sinks whose numbers can be checked by hand: the axis is channel 0.
#include "formation/parts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/index.h"
#include "formation/controls.h"
#include "formation/run_end.h"

namespace sinkscope {
namespace {

constexpr int kPartLayers = 6, kPartModel = 4;
const std::vector<float> kAxis = {1, 0, 0, 0};

// A token that writes 1 off the axis everywhere, and `height` along it where the test says.
KeptStates plain_token() {
  KeptStates states;
  states.embedding = {0.5F, 1, 0, 0};
  states.attention = Matrix<float>(kPartLayers, kPartModel);
  states.mlp = states.mlp_input = states.attention;
  for (std::size_t l = 0; l < kPartLayers; ++l) states.attention(l, 1) = states.mlp(l, 2) = 1;
  return states;
}

Matrix<float> axes() {
  Matrix<float> all(kPartLayers, kPartModel);
  for (std::size_t l = 0; l < kPartLayers; ++l) all(l, 0) = 1;
  return all;
}

PartExcess excess_of(const KeptStates& sink, int q) {
  const ExplainOptions options;
  const std::vector<KeptStates> controls(3, plain_token());
  std::vector<PartHeights> heights;
  std::vector<const KeptStates*> states;
  for (const KeptStates& control : controls) {
    heights.push_back(part_heights(control, q, kAxis, 2));
    states.push_back(&control);
  }
  PartExcess excess = excess_over(part_heights(sink, q, kAxis, 2), heights, q, options);
  const Matrix<float> all = axes();
  add_cosines(excess, sink, states, all.view());
  excess.rank_p = 0.005;
  return excess;
}

TEST(Parts, HeightsAreInOrdinaryNormsAndSumToTheState) {
  KeptStates sink = plain_token();
  sink.mlp(3, 0) = 20;
  sink.attention(1, 0) = -1;
  const PartHeights heights = part_heights(sink, 4, kAxis, 2);
  EXPECT_EQ(heights.embedding, 0.25);
  EXPECT_EQ(heights.mlp[3], 10);
  EXPECT_EQ(heights.attention[1], -0.5);
  EXPECT_EQ(heights.mlp.size(), 5U);
  EXPECT_EQ(heights.sum(), 0.25 + 10 - 0.5);
}

TEST(Parts, OneMlpWriteIsFormed) {
  KeptStates sink = plain_token();
  sink.mlp(3, 0) = 20;
  const PartExcess excess = excess_of(sink, 4);
  EXPECT_EQ(excess.total, 10.25);
  EXPECT_EQ(excess.control_total, 0.25);
  EXPECT_EQ(excess.sum, 10);
  EXPECT_EQ(excess.cancellation, 1);
  EXPECT_EQ(excess.mlp_share, 1);
  EXPECT_EQ(excess.parts_for_80, 1);
  ASSERT_EQ(excess.largest.size(), 4U);
  EXPECT_EQ(excess.largest[0].part, (PartName{PartKind::kMlp, 3}));
  EXPECT_EQ(excess.largest[0].share, 1);
  // The write is (20, 0, 1, 0); what the controls write too, (0, 0, 1, 0), is taken off.
  EXPECT_NEAR(*excess.cos, 20 / std::sqrt(401.0), 1e-6);
  EXPECT_NEAR(*excess.excess_cos, 1, 1e-6);
  EXPECT_TRUE(is_formed(excess, 99, {}));
}

TEST(Parts, AnAttentionWriteIsNot) {
  KeptStates sink = plain_token();
  sink.attention(3, 0) = 20;
  const PartExcess excess = excess_of(sink, 4);
  EXPECT_EQ(excess.largest[0].part, (PartName{PartKind::kAttention, 3}));
  EXPECT_EQ(excess.mlp_share, 0);
  EXPECT_FALSE(is_formed(excess, 99, {}));
}

TEST(Parts, HalvedOverTwoMlpsTakesTwo) {
  KeptStates sink = plain_token();
  sink.mlp(2, 0) = sink.mlp(3, 0) = 10;
  const PartExcess excess = excess_of(sink, 4);
  EXPECT_EQ(excess.parts_for_80, 2);
  EXPECT_EQ(excess.largest[0].share, 0.5);
  EXPECT_EQ(excess.largest[0].part.layer, 2);
  EXPECT_TRUE(is_formed(excess, 99, {}));
}

// Shares of 0.4, 0.4 and 0.2: two hold 0.8, whatever rounding does; under a lower bound one would.
TEST(Parts, AreCountedUntilTheyHoldTheShare) {
  KeptStates sink = plain_token();
  sink.mlp(1, 0) = sink.mlp(2, 0) = 8;
  sink.mlp(3, 0) = 4;
  EXPECT_EQ(excess_of(sink, 4).parts_for_80, 2);
  sink.mlp(3, 0) = 4.25F;
  EXPECT_EQ(excess_of(sink, 4).parts_for_80, 3);
  sink.mlp(1, 0) = sink.mlp(2, 0) = sink.mlp(3, 0) = 0;
  sink.attention(0, 0) = -1;
  EXPECT_EQ(excess_of(sink, 4).parts_for_80, 0) << "nothing is positive";
  sink.mlp(3, 0) = 0.5F;  // a quarter of an ordinary norm
  EXPECT_EQ(excess_of(sink, 4).parts_for_80, 1);
  EXPECT_EQ(excess_of(sink, 4).mlp_share, 1);
}

TEST(Parts, WhatIsTakenBackCancels) {
  KeptStates sink = plain_token();
  sink.mlp(2, 0) = 30;
  sink.attention(3, 0) = -10;
  const PartExcess excess = excess_of(sink, 4);
  EXPECT_EQ(excess.sum, 10);
  EXPECT_EQ(excess.cancellation, 2);
  EXPECT_EQ(excess.largest[0].share, 1);  // shares are of what is positive
  EXPECT_EQ(excess.excess.attention[3], -5);
}

TEST(Parts, OrdinaryTokensAreNotFormed) {
  const PartExcess excess = excess_of(plain_token(), 4);
  EXPECT_EQ(excess.sum, 0);
  EXPECT_FALSE(excess.cancellation);
  EXPECT_EQ(excess.parts_for_80, 0);
  EXPECT_FALSE(is_formed(excess, 99, {}));
}

// Each condition by itself keeps a run from being formed.
TEST(Parts, EveryConditionOfFormedCounts) {
  KeptStates sink = plain_token();
  sink.mlp(3, 0) = 20;
  const PartExcess formed = excess_of(sink, 4);
  PartExcess excess = formed;
  excess.mlp_share = 0.79;
  EXPECT_FALSE(is_formed(excess, 99, {}));
  excess = formed;
  excess.parts_for_80 = 5;
  EXPECT_FALSE(is_formed(excess, 99, {}));
  excess = formed;
  excess.sum = 1.9;
  EXPECT_FALSE(is_formed(excess, 99, {}));
  excess = formed;
  excess.excess_cos = 0.79;
  EXPECT_FALSE(is_formed(excess, 99, {}));
  excess = formed;
  excess.rank_p = 0.02;
  EXPECT_FALSE(is_formed(excess, 99, {}));
  EXPECT_TRUE(is_formed(excess, 98, {}));  // too few to be ranked among
}

// (3, 4) read through a norm with gains (2, 1): the state's rms is 2.5 of d = 4 channels.
TEST(Parts, ReadHeightsAreThoseBehindTheNorm) {
  KeptStates token = plain_token();
  token.embedding = {3, 4, 0, 0};
  token.attention = Matrix<float>(kPartLayers, kPartModel);
  token.mlp = token.attention;
  const std::vector<float> gain = {2, 1, 1, 1}, primary = {1, 1, 0, 0};
  // gain * h_p = (2, 1), unit (2, 1) / sqrt 5; gain * w / rms = (6, 4) / 2.5.
  const PartHeights read = read_part_heights(token, 0, gain, primary);
  EXPECT_NEAR(read.embedding, (6 * 2 + 4 * 1) / 2.5 / std::sqrt(5.0), 1e-6);
}

TEST(Parts, RankCountsTokensAtLeastAsHigh) {
  const std::vector<float> heights = {9, 1, 2, 3, 5, 3};
  const std::vector<int> eligible = {1, 2, 3, 5};
  EXPECT_EQ(rank_p(heights, eligible, 4), 1.0 / 5);
  EXPECT_EQ(rank_p(heights, eligible, 3), 2.0 / 4);  // itself is no other
}

Run run_at(int position, int l_start, int l_end, Verdict verdict = Verdict::kSink) {
  Run run;
  run.position = position;
  run.l_start = l_start;
  run.l_end = l_end;
  run.verdict = verdict;
  return run;
}

TEST(Controls, LeaveOutSinksOverlapsAndThePrimary) {
  Detection detection;
  detection.primary.emplace();
  detection.primary->set = {0, 9};
  detection.runs = {run_at(10, 2, 3), run_at(11, 2, 3, Verdict::kTransient), run_at(12, 6, 8, Verdict::kTransient)};
  // 0-7 are early, 9 is of the primary, 10 is a sink elsewhere, 12 overlaps.
  EXPECT_EQ(eligible_tokens(15, detection, 5, 6, {}), (std::vector<int>{8, 11, 13, 14}));
  EXPECT_EQ(tokens_in_no_run(15, detection, {}), (std::vector<int>{8, 13, 14}));
  EXPECT_EQ(eligible_tokens(15, detection, 8, 9, {}), (std::vector<int>{8, 11, 13, 14})) << "12 ends where this begins";
  EXPECT_EQ(eligible_tokens(15, detection, 9, 9, {}), (std::vector<int>{8, 11, 12, 13, 14}));
  EXPECT_EQ(eligible_tokens(15, detection, 3, 4, {}), (std::vector<int>{8, 12, 13, 14})) << "so does 11";
  // Of a text that is cut, with runs and a primary behind the cut.
  EXPECT_EQ(eligible_tokens(9, detection, 5, 6, {}), (std::vector<int>{8}));
  EXPECT_EQ(tokens_in_no_run(9, detection, {}), (std::vector<int>{8}));
  detection.primary->set.push_back(4000);
  EXPECT_EQ(tokens_in_no_run(9, detection, {}), (std::vector<int>{8}));
  detection.primary->position = 12;  // behind padding
  EXPECT_EQ(eligible_tokens(15, detection, 5, 6, {}), (std::vector<int>{13, 14}));
}

TEST(Controls, AreTheNearestOfTheSameToken) {
  std::vector<TokenId> tokens(40, 1);
  for (const int t : {12, 18, 22, 30}) tokens[index(t)] = 7;
  std::vector<int> eligible(32);
  std::iota(eligible.begin(), eligible.end(), 8);
  ExplainOptions options;
  options.n_controls = 2;
  const Controls same = choose_controls(tokens, eligible, 20, options);  // not of token 7 itself
  EXPECT_TRUE(same.same_token);
  EXPECT_EQ(same.positions, (std::vector<int>{19, 21}));
  // 18 and 22 are equally near to 20; of one more the earlier would be taken. 12 and 30 are farther.
  tokens[20] = 7;
  EXPECT_EQ(choose_controls(tokens, eligible, 20, options).positions, (std::vector<int>{18, 22}));
  options.n_controls = 1;
  EXPECT_EQ(choose_controls(tokens, eligible, 20, options).positions, (std::vector<int>{18}));
  EXPECT_EQ(choose_controls(tokens, eligible, 20, options).n_eligible, 31);
  // Two others of a token are too few: any token will do.
  tokens[12] = tokens[30] = 1;
  options.n_controls = 4;
  const Controls any = choose_controls(tokens, eligible, 20, options);
  EXPECT_FALSE(any.same_token);
  EXPECT_EQ(any.positions, (std::vector<int>{18, 19, 21, 22}));
}

// Layers 0-5, state 30 from layer 1, made at 1.
struct EndCase {
  std::vector<float> norm = {1, 30, 30, 30, 30, 30}, height = {0, 30, 30, 30, 30, 30},
                     primary = {50, 50, 50, 50, 50, 50}, ordinary = {1, 1, 1, 1, 1, 1};
  RunEnd at(int l_peak, int l_end) const { return end_of_run({norm, height, primary, ordinary}, l_peak, l_end, {}); }
};

TEST(RunEnd, Causes) {
  EXPECT_EQ(EndCase().at(1, 5).cause, EndCause::kNetwork);
  EXPECT_FALSE(EndCase().at(1, 5).height_kept);

  EndCase removed;
  removed.norm = {1, 30, 30, 30, 2, 2};
  removed.height = {0, 30, 30, 30, 1, 1};
  EXPECT_EQ(removed.at(1, 3).cause, EndCause::kRemoved);
  EXPECT_NEAR(*removed.at(1, 3).height_kept, 1.0 / 30, 1e-6);
  EXPECT_EQ(removed.at(1, 3).diluted_l_end, 5);

  EndCase turned;
  turned.height = {0, 30, 30, 30, 10, 10};
  EXPECT_EQ(turned.at(1, 3).cause, EndCause::kTurned);

  EndCase outgrown;
  outgrown.ordinary = {1, 1, 1, 5, 11, 20};
  EXPECT_EQ(outgrown.at(1, 3).cause, EndCause::kOutgrown);
  EXPECT_EQ(outgrown.at(1, 3).diluted_l_end, 3);

  EndCase together;
  together.primary = {50, 50, 50, 50, 20, 20};  // keeps under half
  together.height = {0, 30, 30, 30, 10, 10};
  EXPECT_EQ(together.at(1, 3).cause, EndCause::kWithPrimary);
  EndCase small;
  small.primary = {50, 4, 4, 4, 2, 2};  // norm ratio 2
  EXPECT_EQ(small.at(1, 3).cause, EndCause::kWithPrimary);
}

}  // namespace
}  // namespace sinkscope
