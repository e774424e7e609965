// Figures that lie on a threshold, and those of which something is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "constructed.h"
#include "sinks/attention_evidence.h"
#include "sinks/detection.h"
#include "sinks/groups.h"
#include "sinks/primary.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

Detection detected_with(const std::vector<TokenProfile>& tokens, const Thresholds& thresholds = {}) {
  SequenceFigures figures = one_primary();
  figures.tokens = tokens;
  return detect_by_evidence(figures, thresholds);
}

TEST(Bounds, IntervalsHoldWhatReachesTheThreshold) {
  const LayerFigures figures = {3.0F, 2.9F, 3.0F, 4.0F, std::nullopt, 5.0F};
  EXPECT_THAT(intervals_over(figures, 3), ElementsAre(Pair(0, 0), Pair(2, 3), Pair(5, 5)));
  EXPECT_THAT(intervals_over({}, 3), IsEmpty());
}

TEST(Bounds, SummariesAreOfWhatIsMeasured) {
  const LayerFigures figures = {9.0F, 1.0F, std::nullopt, 4.0F, 2.5F};
  const Summary some = summary_of(figures, 1, 4);
  EXPECT_EQ(some.median, 2.5F);
  EXPECT_EQ(some.mean, 2.5F);
  EXPECT_EQ(some.max, 4.0F);
  EXPECT_FALSE(summary_of(figures, 2, 2).mean);
  EXPECT_EQ(summary_of(figures, 4, 9).max, 2.5F) << "up to the last layer";
}

TEST(Bounds, OfAPrimaryAFarBoostOfFiveInOneBlockIsEnough) {
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].far_boost, 0, 11, 1);
  figures.first_positions[0].far_boost[7] = 5;
  EXPECT_TRUE(detect_by_evidence(figures, {}).primary);
  figures.first_positions[0].far_z[7] = 3;
  EXPECT_TRUE(detect_by_evidence(figures, {}).primary);
  figures.first_positions[0].far_z[7] = 2.9F;
  EXPECT_FALSE(detect_by_evidence(figures, {}).primary) << "the tokens beside it draw as much";
  Thresholds without;
  without.min_far_z = 0;
  EXPECT_TRUE(detect_by_evidence(figures, without).primary);
}

TEST(Bounds, ItsDirectionHoldsDownToItsThreshold) {
  SequenceFigures figures = one_primary();
  Matrix<float>& cosines = figures.self_cosine[0];
  cosines(5, 1) = 0.8F;
  cosines(5, 0) = 0.79F;
  cosines(5, 10) = 0.8F;
  const Detection detection = detect_by_evidence(figures, {});
  EXPECT_EQ(detection.primary->birth_layer, 1);
  EXPECT_EQ(detection.primary->birth_end, 10);
  EXPECT_NEAR(detection.primary->sink_axis_drift, 0.2, 1e-6);
}

// Layers 2 to 9 of norm, so the middle is 5; direction from 7 on would be another.
TEST(Bounds, ItsMiddleIsThatOfTheLongestInterval) {
  SequenceFigures figures = one_primary();
  TokenProfile& primary = figures.first_positions[0];
  for (std::size_t l = 0; l < kLayers; ++l) primary.massive_channel_1[l] = static_cast<float>(100 + l);
  EXPECT_EQ(detect_by_evidence(figures, {}).primary->massive.channel_1, 105);
  set(primary.norm_ratio, 4, 4, 1);  // 2 to 3, and 5 to 9
  EXPECT_EQ(detect_by_evidence(figures, {}).primary->massive.channel_1, 107);
  EXPECT_THAT(detect_by_evidence(figures, {}).primary->early_plateau, IsEmpty()) << "3 is not before the birth in 2";
  set(primary.norm_ratio, 0, 1, 8);
  set(primary.norm_ratio, 2, 2, 1);
  EXPECT_THAT(detect_by_evidence(figures, {}).primary->early_plateau, ElementsAre(Pair(0, 1)));
}

TEST(Bounds, APositionBornOneLayerLaterIsOfThePrimarysSet) {
  SequenceFigures figures = one_primary();
  make_aligned(figures.first_positions[1], 2, 9, 20);
  figures.self_cosine[1](5, 2) = 0.7F;
  make_aligned(figures.first_positions[2], 2, 9, 20);
  set(figures.first_positions[2].alignment, 5, 5, 0.9F);
  make_aligned(figures.first_positions[3], 2, 9, 20);
  set(figures.first_positions[3].alignment, 5, 5, 0.89F);
  EXPECT_THAT(detect_by_evidence(figures, {}).primary->set, ElementsAre(0, 1, 2));
}

TEST(Bounds, ARunOfTwoLayersIsASink) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 5, 5);
  set(token.alignment, 4, 5, 0.9F);
  set(token.norm_ratio, 4, 5, 3);
  const auto runs = detected_with({token}).runs;
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].verdict, Verdict::kSink);
  EXPECT_EQ(runs[0].margin, 0.0F);
}

TEST(Bounds, ARunOfThePlateausFirstAndLastLayerIsPrimaryLike) {
  for (const int start : {0, 2, 3}) {
    SequenceFigures figures = one_primary();
    TokenProfile& primary = figures.first_positions[0];
    set(primary.norm_ratio, 0, 2, 8);
    set(primary.norm_ratio, 3, 3, start == 3 ? 8 : 1);
    set(primary.norm_ratio, 6, 11, 8);
    Matrix<float> holds(kLayers, kLayers, 0.1F);
    for (std::size_t a = 6; a < kLayers; ++a) {
      for (std::size_t b = 6; b < kLayers; ++b) holds(a, b) = 1;
    }
    figures.self_cosine.assign(kPrimaryCandidates, holds);
    set(primary.norm_ratio, 4, 5, 1);
    TokenProfile token = ordinary_token(500);
    make_aligned(token, start, start, 12);
    figures.tokens.push_back(token);
    const Detection detection = detect_by_evidence(figures, {});
    ASSERT_EQ(detection.primary->birth_layer, 6);
    EXPECT_EQ(detection.runs.at(0).kind, SinkKind::kPrimaryLike) << start;
  }
}

// A layer in which the primary's own norm is small is of no run, and its margin is the smaller of the two.
TEST(Bounds, ThePrimarysNormCountsAsTheTokensOwn) {
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].norm_ratio, 5, 5, 3.3F);
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 6, 12);
  figures.tokens.push_back(token);
  EXPECT_NEAR(*detect_by_evidence(figures, {}).runs.at(0).margins.norm_ratio, 0.1, 1e-6);
}

TEST(Bounds, ARunIsDescribedByItsMiddleLayerAndItsBlocks) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 7, 12);
  const std::vector<LayerFigures TokenProfile::*> fields = {
      &TokenProfile::massive_channel_1, &TokenProfile::massive_channel_2, &TokenProfile::massive_channel_3,
      &TokenProfile::massive_value_1,   &TokenProfile::massive_value_2,   &TokenProfile::massive_value_3,
      &TokenProfile::massive_ratio_1,   &TokenProfile::massive_ratio_2,   &TokenProfile::massive_ratio_3,
      &TokenProfile::massive_overlap};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t l = 0; l < kLayers; ++l) (token.*fields[i])[l] = static_cast<float>(100 * i + l);
  }
  for (int block = 0; block < kLayers; ++block) {
    set(token.heads_over_10, block, block, static_cast<float>(block));
    set(token.attention_share, block, block, static_cast<float>(block));
    set(token.eviction_left_out, block, block, static_cast<float>(block));
  }
  set(token.value_norm_ratio, 5, 8, 0.5F);
  const sinkscope::Run run = detected_with({token}).runs.at(0);
  const MassiveFigures& m = run.massive;
  EXPECT_THAT(std::vector({m.channel_1, m.channel_2, m.channel_3, m.overlap}), ElementsAre(5, 105, 205, 905));
  EXPECT_THAT(std::vector({m.value_1, m.value_2, m.value_3}), ElementsAre(305.0F, 405.0F, 505.0F));
  EXPECT_THAT(std::vector({m.ratio_1, m.ratio_2, m.ratio_3}), ElementsAre(605.0F, 705.0F, 805.0F));
  EXPECT_EQ(run.heads_over_10_max, 8) << "of blocks 5 to 8";
  EXPECT_EQ(run.attention_share, 6.5F);
  EXPECT_EQ(run.eviction_left_out, 8);
  EXPECT_EQ(run.broadcasts, false) << "half of the ordinary value norm drains";
  set(token.value_norm_ratio, 5, 8, 0.51F);
  EXPECT_EQ(detected_with({token}).runs.at(0).broadcasts, true);
}

TEST(Bounds, ABlockThatIsNotMeasuredEndsNoAttention) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 3, 6, 12);
  token.far_boost[5].reset();
  EXPECT_EQ(detected_with({token}).runs.at(0).attention_lifetime, 3) << "blocks 4, 6 and 7";
}

TEST(Bounds, AnUnalignedSinkNeedsOneOfTwoAlignments) {
  TokenProfile token = ordinary_token(500);
  set(token.norm_ratio, 4, 5, 1.5F);
  set(token.far_boost, 5, 6, 8);
  token.centred_alignment.assign(kLayers, std::nullopt);
  EXPECT_THAT(detected_with({token}).runs, SizeIs(1));
  token.read_alignment.assign(kLayers, std::nullopt);
  EXPECT_THAT(detected_with({token}).runs, IsEmpty()) << "nothing says that it is not aligned";
  set(token.centred_alignment, 0, 11, 0.49F);
  EXPECT_THAT(detected_with({token}).runs, SizeIs(1));
  token.far_boost[6] = 7.9F;
  EXPECT_THAT(detected_with({token}).runs, IsEmpty());
  Thresholds one_block;
  one_block.unaligned_blocks = 1;
  EXPECT_THAT(detected_with({token}, one_block).runs, SizeIs(1));
  one_block.unaligned_blocks = 0;
  const auto runs = detected_with({token}, one_block).runs;
  ASSERT_THAT(runs, SizeIs(1)) << "one block at least";
  EXPECT_EQ(runs[0].l_start, 4);
  EXPECT_EQ(runs[0].l_end, 4);
}

TEST(Bounds, UnalignedSinksMayComeTwice) {
  TokenProfile token = ordinary_token(500);
  set(token.norm_ratio, 2, 10, 1.5F);
  for (const int block : {4, 5, 7, 9, 10, 11}) set(token.far_boost, block, block, 8);
  const auto runs = detected_with({token}).runs;
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_THAT(std::vector({runs[0].l_start, runs[0].l_end}), ElementsAre(3, 4));
  EXPECT_THAT(std::vector({runs[1].l_start, runs[1].l_end}), ElementsAre(8, 10)) << "block 7 stands alone";
  EXPECT_EQ(runs[1].run_index, 1);
}

// States of a group's members, in these layers.
TokenProfile alike(int position, int first, int last, float far_attention) {
  TokenProfile token = ordinary_token(position);
  make_aligned(token, first, last, 2);
  set(token.hidden_norm, first, last, 80);
  set(token.far_attention, 0, kLayers - 1, far_attention);
  return token;
}

TEST(Bounds, MembersShareHalfOfTheirLayers) {
  const auto members = [](const std::vector<TokenProfile>& tokens) {
    const auto groups = detected_with(tokens).groups;
    return groups.empty() ? std::vector<int>{} : groups[0].members;
  };
  EXPECT_THAT(members({alike(100, 4, 7, 20), alike(101, 6, 7, 20)}), ElementsAre(100, 101)) << "two of four";
  EXPECT_THAT(members({alike(100, 4, 8, 20), alike(101, 7, 8, 20)}), IsEmpty()) << "two of five";
  EXPECT_THAT(members({alike(100, 4, 5, 20), alike(101, 6, 7, 20)}), IsEmpty());
  EXPECT_THAT(members({alike(100, 4, 5, 20), alike(101, 5, 5, 20)}), ElementsAre(100, 101)) << "one of two";
}

TEST(Bounds, AGroupsLayersAreTheLowerMedians) {
  const auto groups =
      detected_with({alike(100, 5, 8, 20), alike(101, 4, 8, 20), alike(102, 5, 7, 20), alike(103, 4, 7, 20)}).groups;
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_EQ(groups[0].l_start, 4) << "of 4, 4, 5 and 5";
  EXPECT_EQ(groups[0].l_end, 7);
  EXPECT_EQ(groups[0].lifetime, 4);
}

TEST(Bounds, GroupsThatAreSinksComeFirst) {
  std::vector<TokenProfile> tokens = {alike(100, 4, 8, 0.5F), alike(101, 4, 8, 0.5F), alike(200, 4, 8, 20),
                                      alike(201, 4, 8, 20)};
  for (std::size_t i = 2; i < 4; ++i) set(tokens[i].hidden_norm, 4, 8, 120);
  const Detection detection = detected_with(tokens);
  ASSERT_THAT(detection.groups, SizeIs(2));
  EXPECT_EQ(detection.groups[0].verdict, Verdict::kSink);
  EXPECT_THAT(detection.groups[0].members, ElementsAre(200, 201));
  EXPECT_EQ(detection.groups[1].verdict, Verdict::kAlignedOnly);
  EXPECT_EQ(detection.runs[0].group, 1);
  EXPECT_EQ(detection.runs[2].group, 0);
}

TEST(Bounds, OfALayerAGroupIsTransient) {
  const auto groups = detected_with({alike(100, 5, 5, 20), alike(101, 5, 5, 20)}).groups;
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_EQ(groups[0].verdict, Verdict::kTransient);
}

TEST(Bounds, JointAttentionOfAllThereIsHasABound) {
  const SequenceFigures figures = one_primary();  // 400 queries' worth, even shares of 800
  TokenProfile a = ordinary_token(100), b = ordinary_token(101);
  set(a.far_attention, 0, 11, 200);
  set(b.far_attention, 0, 11, 200);
  const std::vector<const TokenProfile*> both = {&a, &b};
  JointAttention joint = joint_attention(figures, both);
  EXPECT_EQ(joint.mass[3], 1.0F);
  // (400 / 2) / (a millionth of 400 / 798)
  EXPECT_NEAR(*joint.boost[3] / (200 / (400e-6 / 798)), 1, 1e-5);
  set(a.far_even, 0, 11, 799);
  joint = joint_attention(figures, both);
  EXPECT_FALSE(joint.boost[3]) << "there are no others";
  set(a.far_even, 0, 11, 1);
  a.far_boost[3].reset();
  EXPECT_TRUE(joint_attention(figures, both).boost[3]) << "one of them is judged";
  b.far_boost[3].reset();
  joint = joint_attention(figures, both);
  EXPECT_FALSE(joint.boost[3]) << "too few far queries for both";
  EXPECT_TRUE(joint.mass[3]);
  const std::vector<const TokenProfile*> one = {&a};
  EXPECT_EQ(joint_attention(figures, one).boost[4], 1.0F) << "its own";
  EXPECT_EQ(joint_attention(figures, one).mass[4], 0.5F);
}

// By their own z two keys tell where ordinary ones lie: log boost - z x spread, which is 0 for both.
TEST(Bounds, JointZIsAgainstTheKeysBesideThem) {
  const SequenceFigures figures = one_primary();
  TokenProfile a = ordinary_token(100), b = ordinary_token(101);
  a.far_z[3] = 0;
  a.far_spread[3] = 0.25F;
  b.far_boost[3] = std::exp(1.5F);
  b.far_z[3] = 2;
  b.far_spread[3] = 0.75F;
  set(a.far_attention, 3, 3, 4);
  set(b.far_attention, 3, 3, 4);
  a.far_z[4] = 1;  // of no known spread
  const std::vector<const TokenProfile*> both = {&a, &b};
  const JointAttention joint = joint_attention(figures, both);
  EXPECT_NEAR(*joint.z[3], std::log(4.0) / 0.5, 1e-5);
  EXPECT_FALSE(joint.z[4]);
}

TEST(Bounds, ThePaperTakesTokensBehindThePrimaryOnly) {
  SequenceFigures figures;
  figures.n_layers = 30;
  for (int t = 0; t < 4; ++t) {
    TokenProfile& token = figures.first_positions.emplace_back(empty_profile(t, 30));
    token.first_alignment.assign(3, LayerFigures(30, 0.95F));
    for (int l = 0; l < 30; ++l) set(token.hidden_norm, l, l, l >= 4 && l <= 26 && t >= 1 && t < 3 ? 1000.0F : 10.0F);
  }
  const PaperDetection detection = detect_by_paper(figures, {3});
  EXPECT_EQ(detection.primary, 1) << "of equal norms the first";
  std::vector<int> positions;
  for (const PaperRun& run : detection.runs) positions.push_back(run.position);
  EXPECT_THAT(positions, ElementsAre(2, 3));
}

}  // namespace
}  // namespace sinkscope
