// The first and the last layer, one measured layer, what is missing: where rules go wrong by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "constructed.h"
#include "sinks/attention_evidence.h"
#include "sinks/detection.h"
#include "sinks/groups.h"

namespace sinkscope {
namespace {

// The primary of one_primary, active in all layers.
SequenceFigures primary_in_all_layers() {
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].norm_ratio, 0, 11, 8);
  figures.self_cosine.assign(kPrimaryCandidates, Matrix<float>(kLayers, kLayers, 0.97F));
  return figures;
}

TEST(Edges, ARunMayBeginInTheFirstLayerAndEndInTheLast) {
  for (const int end : {3, 11}) {
    SequenceFigures figures = primary_in_all_layers();
    TokenProfile token = ordinary_token(500);
    make_aligned(token, 0, end, 12);
    figures.tokens.push_back(token);
    const Detection detection = detect_by_evidence(figures, {});
    ASSERT_EQ(detection.runs.size(), 1U);
    EXPECT_EQ(detection.runs[0].l_start, 0);
    EXPECT_EQ(detection.runs[0].l_end, end);
    EXPECT_EQ(detection.runs[0].verdict, Verdict::kSink);
  }
}

// How far the nearer of the two layers beside a run is from being of it: 1 - 0.6 / 0.9 before it, 1 - 0.3 / 0.9 after
// it.
TEST(Edges, TheNearerOfTheLayersBesideARunCounts) {
  for (const bool before : {true, false}) {
    SequenceFigures figures = primary_in_all_layers();
    TokenProfile token = ordinary_token(500);
    make_aligned(token, 1, 4, 12);
    for (const int beside : {0, 5}) {
      set(token.norm_ratio, beside, beside, 8);
      set(token.alignment, beside, beside, (beside == 0) == before ? 0.6F : 0.3F);
    }
    figures.tokens.push_back(token);
    EXPECT_NEAR(detect_by_evidence(figures, {}).runs.at(0).margins.edge.value(), 1 - 0.6 / 0.9, 1e-6);
  }
}

TEST(Edges, TheFirstBlockOfAnUnalignedSinkIsOneOfThem) {
  TokenProfile token = ordinary_token(500);
  set(token.norm_ratio, 4, 6, 1.5F);
  token.far_boost[5] = 8;
  token.far_boost[6] = token.far_boost[7] = 16;
  SequenceFigures figures = one_primary();
  figures.tokens.push_back(token);
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_EQ(detection.runs.size(), 1U);
  EXPECT_EQ(detection.runs[0].margins.far_boost, 0.0F);
  EXPECT_EQ(detection.runs[0].margins.attention, 0.0F);
}

TEST(Edges, ThePrimarysNormsAreOfItsOwnLayers) {
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].norm_ratio, 2, 2, 100);
  set(figures.first_positions[0].far_boost, 10, 10, 70);
  set(figures.first_positions[0].score, 10, 10, 0.5F);
  const Detection detection = detect_by_evidence(figures, {});
  EXPECT_EQ(detection.primary->norm_ratio_max, 100);
  EXPECT_EQ(detection.primary->far_boost_max, 70) << "of the blocks that read them: one later";
  EXPECT_EQ(detection.primary->score_max, 0.5F);
}

TEST(Edges, JointAttentionNeedsSome) {
  SequenceFigures figures = one_primary();
  figures.far_attention[4] = 0;
  figures.far_attention[5].reset();
  const TokenProfile a = ordinary_token(100), b = ordinary_token(101);
  const std::vector<const TokenProfile*> both = {&a, &b};
  const JointAttention joint = joint_attention(figures, both);
  EXPECT_TRUE(joint.mass[3]);
  EXPECT_FALSE(joint.mass[4]) << "a share of nothing";
  EXPECT_FALSE(joint.mass[5]);
  EXPECT_FALSE(joint.boost[4]);
}

TEST(Edges, EqualStatesMissWhatIsNotMeasured) {
  const Thresholds thresholds;
  TokenProfile a = ordinary_token(100), b = ordinary_token(101);
  EXPECT_TRUE(are_equal_states(a, b, 4, 4, thresholds)) << "one layer is enough";
  for (auto* figures : {&a.alignment, &b.alignment, &a.hidden_norm, &b.hidden_norm}) {
    const auto whole = *figures;
    (*figures)[5].reset();
    EXPECT_TRUE(are_equal_states(a, b, 4, 6, thresholds));
    EXPECT_FALSE(are_equal_states(a, b, 5, 5, thresholds)) << "nothing is measured of both";
    *figures = whole;
  }
  // By a tenth of the larger: 80 and 72.5 are, 80 and 71.5 are not.
  set(a.hidden_norm, 4, 4, 80);
  set(b.hidden_norm, 4, 4, 72.5F);
  EXPECT_TRUE(are_equal_states(a, b, 4, 4, thresholds));
  EXPECT_TRUE(are_equal_states(b, a, 4, 4, thresholds));
  set(b.hidden_norm, 4, 4, 71.5F);
  EXPECT_FALSE(are_equal_states(a, b, 4, 4, thresholds));
  // Nine of ten layers.
  TokenProfile c = ordinary_token(102);
  set(c.hidden_norm, 0, 0, 40);
  EXPECT_TRUE(are_equal_states(ordinary_token(103), c, 0, 9, thresholds));
  EXPECT_FALSE(are_equal_states(ordinary_token(103), c, 0, 8, thresholds)) << "eight of nine";
}

TEST(Edges, AGroupMayEndInTheLastLayer) {
  SequenceFigures figures = primary_in_all_layers();
  for (int p = 100; p < 120; ++p) {
    TokenProfile token = ordinary_token(p);
    make_aligned(token, 6, 11, 2);
    set(token.hidden_norm, 6, 11, 80);
    set(token.far_attention, 7, 11, 5);
    figures.tokens.push_back(token);
  }
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_EQ(detection.groups.size(), 1U);
  EXPECT_EQ(detection.groups[0].l_end, 11);
  EXPECT_EQ(detection.groups[0].verdict, Verdict::kSink);
}

// Norms 10, 60, 100, 110, and so on: the first rise is the largest.
TEST(Edges, ThePapersSpanBeginsAfterTheLargestRise) {
  SequenceFigures figures;
  figures.n_layers = 30;
  for (int t = 0; t < 2; ++t) {
    figures.first_positions.push_back(empty_profile(t, 30));
    figures.first_positions.back().first_alignment.assign(3, LayerFigures(30, 0.0F));
    set(figures.first_positions.back().hidden_norm, 0, 29, 10);
  }
  LayerFigures& norms = figures.first_positions[0].hidden_norm;
  norms[1] = 60;
  norms[2] = 100;
  for (int l = 3; l <= 20; ++l) set(norms, l, l, 110);
  for (int l = 21; l <= 29; ++l) set(norms, l, l, l < 25 ? 100 : 20);
  const PaperDetection detection = detect_by_paper(figures, {});
  EXPECT_EQ(detection.span_first, 1);
  EXPECT_EQ(detection.span_last, 24) << "before the largest fall";
}

}  // namespace
}  // namespace sinkscope
