#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "constructed.h"
#include "sinks/attention_evidence.h"
#include "sinks/detection.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Detection detect(TokenProfile token) {
  SequenceFigures figures = one_primary();
  figures.tokens.push_back(std::move(token));
  return detect_by_evidence(figures, {});
}

TEST(PrimarySearch, FindsBirthAndActiveLayers) {
  const Detection detection = detect_by_evidence(one_primary(), {});
  ASSERT_TRUE(detection.primary);
  EXPECT_EQ(detection.primary->position, 0);
  EXPECT_THAT(detection.primary->set, ElementsAre(0));
  EXPECT_EQ(detection.primary->birth_layer, 2);
  EXPECT_EQ(detection.primary->birth_end, 9);
  EXPECT_THAT(detection.primary->active_layers, ElementsAre(Pair(2, 9)));
  EXPECT_THAT(detection.primary->early_plateau, IsEmpty());
  EXPECT_NEAR(detection.primary->sink_axis_drift, 0.03, 1e-6);
  EXPECT_EQ(detection.primary->far_boost_median, 50);
  EXPECT_EQ(detection.primary->norm_ratio_median, 8);
  EXPECT_NEAR(detection.primary->mean_norm_ratio.value(), (8 * 8 + 4) / 12.0, 1e-6);
  EXPECT_THAT(detection.runs, IsEmpty());
}

TEST(PrimarySearch, NeedsNormAndAttention) {
  SequenceFigures figures = one_primary();
  figures.candidate.reset();
  EXPECT_THAT(detect_by_evidence(figures, {}).no_primary_reason, HasSubstr("fewer than 64"));
  figures = one_primary();
  set(figures.first_positions[0].norm_ratio, 0, 11, 2.9F);
  EXPECT_THAT(detect_by_evidence(figures, {}).no_primary_reason, HasSubstr("in no layer the norm ratio"));
  figures = one_primary();
  set(figures.first_positions[0].far_boost, 0, 11, 4.9F);
  EXPECT_THAT(detect_by_evidence(figures, {}).no_primary_reason, HasSubstr("in no layer the far boost"));
  figures = one_primary();
  figures.first_positions[0].far_boost.assign(kLayers, std::nullopt);
  const Detection detection = detect_by_evidence(figures, {});
  EXPECT_FALSE(detection.primary);
  EXPECT_THAT(detection.no_primary_reason, HasSubstr("not measured"));
}

TEST(PrimarySearch, JoinsPositionsOfOneBirthAndDirection) {
  SequenceFigures figures = one_primary();
  make_aligned(figures.first_positions[1], 2, 9, 20);
  make_aligned(figures.first_positions[2], 2, 9, 20);
  figures.self_cosine[2](5, 2) = figures.self_cosine[2](5, 3) = 0.7F;  // born two layers later
  make_aligned(figures.first_positions[3], 2, 9, 4);                   // draws too little, with a norm of its own
  set(figures.first_positions[3].hidden_norm, 2, 9, 40);
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_TRUE(detection.primary);
  EXPECT_THAT(detection.primary->set, ElementsAre(0, 1));
  ASSERT_EQ(detection.runs.size(), 2U);
  EXPECT_EQ(detection.runs[0].position, 2);
  EXPECT_EQ(detection.runs[0].verdict, Verdict::kSink);
  EXPECT_EQ(detection.runs[1].position, 3);
  EXPECT_EQ(detection.runs[1].verdict, Verdict::kAlignedOnly);
}

TEST(EvidenceRule, CallsALaterSinkSecondary) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 6, 12);
  set(token.value_norm_ratio, 5, 7, 0.3F);
  set(token.logit_gap, 5, 7, -1.5F);
  const Detection detection = detect(token);
  ASSERT_EQ(detection.runs.size(), 1U);
  const auto& run = detection.runs[0];
  EXPECT_EQ(run.verdict, Verdict::kSink);
  EXPECT_EQ(run.kind, SinkKind::kSecondary);
  EXPECT_EQ(run.l_start, 4);
  EXPECT_EQ(run.l_end, 6);
  EXPECT_EQ(run.lifetime, 3);
  EXPECT_EQ(run.attention_lifetime, 3);
  EXPECT_FALSE(run.censored);
  EXPECT_EQ(run.broadcasts, false);
  EXPECT_EQ(run.norm_ratio_median, 8);
  EXPECT_EQ(run.far_boost_median, 12);
  EXPECT_EQ(run.logit_gap, -1.5F);
  EXPECT_NEAR(*run.margins.alignment, 0.99 / 0.9 - 1, 1e-6);
  EXPECT_NEAR(*run.margins.norm_ratio, 8.0 / 3 - 1, 1e-6);
  EXPECT_NEAR(*run.margins.far_boost, 12.0 / 5 - 1, 1e-6);
  EXPECT_NEAR(*run.margin, 0.1, 1e-6);
  // The layers beside it miss alignment by far: 1 - 0.1 / 0.9.
  EXPECT_NEAR(*run.margins.edge, 1 - 0.1 / 0.9, 1e-6);
}

TEST(EvidenceRule, CallsWhatStartsWithThePrimaryPrimaryLike) {
  for (const int start : {2, 3, 4}) {
    TokenProfile token = ordinary_token(500);
    make_aligned(token, start, 6, 12);
    EXPECT_EQ(detect(token).runs.at(0).kind, start <= 3 ? SinkKind::kPrimaryLike : SinkKind::kSecondary);
  }
}

TEST(EvidenceRule, CallsWhatStartsInAnEarlyPlateauPrimaryLike) {
  SequenceFigures figures = one_primary();
  // Active in [0, 2] and [5, 11]; the direction of the later stretch holds from 5 on.
  TokenProfile& primary = figures.first_positions[0];
  set(primary.norm_ratio, 3, 4, 1);
  set(primary.norm_ratio, 0, 2, 8);
  set(primary.norm_ratio, 5, 11, 8);
  Matrix<float> holds(kLayers, kLayers, 0.1F);
  for (std::size_t a = 5; a <= 11; ++a) {
    for (std::size_t b = 5; b <= 11; ++b) holds(a, b) = 1;
  }
  figures.self_cosine.assign(kPrimaryCandidates, holds);
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 1, 8, 12);
  figures.tokens.push_back(token);
  const Detection detection = detect_by_evidence(figures, {});
  ASSERT_TRUE(detection.primary);
  EXPECT_EQ(detection.primary->birth_layer, 5);
  EXPECT_THAT(detection.primary->early_plateau, ElementsAre(Pair(0, 2)));
  // The primary's pause parts the run.
  ASSERT_EQ(detection.runs.size(), 2U);
  EXPECT_EQ(detection.runs[0].l_end, 2);
  EXPECT_EQ(detection.runs[0].kind, SinkKind::kPrimaryLike);
  EXPECT_TRUE(detection.runs[0].censored) << "ends with the plateau";
  EXPECT_EQ(detection.runs[1].l_start, 5);
  EXPECT_EQ(detection.runs[1].run_index, 1);
}

TEST(EvidenceRule, NeedsHalfOfTheBlocksAndTwoOfTheFirstFour) {
  struct Case {
    std::vector<float> boosts;  // of blocks 3 .. of a run in layers 2 .. 7
    Verdict verdict;
  };
  for (const auto& [boosts, verdict] :
       {Case{{5, 5, 5, 1, 1, 1}, Verdict::kSink}, Case{{5, 5, 1, 1, 1, 1}, Verdict::kAlignedOnly},
        Case{{1, 1, 5, 1, 5, 5}, Verdict::kAlignedOnly}, Case{{1, 1, 5, 5, 5, 1}, Verdict::kSink},
        Case{{5, 5, 4.99F, 1, 1, 1}, Verdict::kAlignedOnly}}) {
    TokenProfile token = ordinary_token(500);
    make_aligned(token, 2, 7, 1);
    for (std::size_t i = 0; i < boosts.size(); ++i) token.far_boost[3 + i] = boosts[i];
    EXPECT_EQ(detect(token).runs.at(0).verdict, verdict) << testing::PrintToString(boosts);
  }
}

TEST(EvidenceRule, TellsTransientAlignedOnlyAndUnscored) {
  TokenProfile transient = ordinary_token(500);
  make_aligned(transient, 4, 4, 12);
  EXPECT_EQ(detect(transient).runs.at(0).verdict, Verdict::kTransient);
  TokenProfile ignored = ordinary_token(500);
  make_aligned(ignored, 4, 6, 2);
  EXPECT_EQ(detect(ignored).runs.at(0).verdict, Verdict::kAlignedOnly);
  EXPECT_LT(*detect(ignored).runs.at(0).margin, 0);
  TokenProfile late = ordinary_token(990);
  make_aligned(late, 4, 6, 2);
  late.far_boost.assign(kLayers, std::nullopt);
  EXPECT_EQ(detect(late).runs.at(0).verdict, Verdict::kUnscored);
  EXPECT_FALSE(detect(late).runs.at(0).attention_lifetime);
}

TEST(EvidenceRule, NeedsAlignmentNormAndAnActivePrimary) {
  TokenProfile askew = ordinary_token(500);
  make_aligned(askew, 4, 6, 6);
  set(askew.alignment, 4, 6, 0.89F);
  EXPECT_THAT(detect(askew).runs, IsEmpty());
  TokenProfile opposite = ordinary_token(500);
  make_aligned(opposite, 4, 6, 6);
  set(opposite.alignment, 4, 6, -0.99F);
  EXPECT_THAT(detect(opposite).runs, IsEmpty());
  TokenProfile small = ordinary_token(500);
  make_aligned(small, 4, 6, 6);
  set(small.norm_ratio, 4, 6, 2.9F);
  EXPECT_THAT(detect(small).runs, IsEmpty());
  TokenProfile outside = ordinary_token(500);
  make_aligned(outside, 0, 1, 6);
  EXPECT_THAT(detect(outside).runs, IsEmpty());
}

TEST(EvidenceRule, CountsAttentionPastTheState) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 3, 5, 12);
  set(token.far_boost, 7, 8, 3);
  const auto run = detect(token).runs.at(0);
  EXPECT_EQ(run.lifetime, 3);
  EXPECT_EQ(run.attention_lifetime, 5);
}

// As in Gemma 3 270M, whose block 5 hardly reads what block 4 has made, and whose blocks 6 to 16 do.
TEST(EvidenceRule, CountsAttentionFromTheFirstBlockThatDraws) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 3, 7, 12);
  set(token.far_boost, 4, 5, 1);
  EXPECT_EQ(detect(token).runs.at(0).attention_lifetime, 3);  // blocks 6 to 8
  set(token.far_boost, 7, 7, 2.9F);
  EXPECT_EQ(detect(token).runs.at(0).attention_lifetime, 1);
  set(token.far_boost, 4, 8, 1);
  set(token.far_boost, 9, 11, 12);  // no block that reads the run
  EXPECT_EQ(detect(token).runs.at(0).attention_lifetime, 0);
}

TEST(EvidenceRule, CensorsRunsThatEndWithThePrimary) {
  for (const int end : {6, 7, 8, 9}) {
    TokenProfile token = ordinary_token(500);
    make_aligned(token, 4, end, 12);
    EXPECT_EQ(detect(token).runs.at(0).censored, end >= 7) << end;
  }
}

// What no primary is needed for: a far boost of 8 where layers [first, last] are read.
TokenProfile unaligned_token(int first, int last) {
  TokenProfile token = ordinary_token(500);
  set(token.norm_ratio, first, last, 1.5F);
  set(token.far_boost, first + 1, last + 1, 8);
  return token;
}

TEST(EvidenceRule, CensorsRunsThatEndWithTheNetwork) {
  for (const int end : {7, 8, 9, 10}) {
    SequenceFigures figures = one_primary();
    set(figures.first_positions[0].norm_ratio, 0, 11, 1);
    set(figures.first_positions[0].far_boost, 0, 11, 1);
    figures.tokens.push_back(unaligned_token(4, end));
    const Detection detection = detect_by_evidence(figures, {});
    ASSERT_FALSE(detection.primary);
    ASSERT_EQ(detection.runs.size(), 1U);
    EXPECT_EQ(detection.runs[0].l_end, end);
    EXPECT_EQ(detection.runs[0].censored, end >= 9) << end << " of 11";
  }
}

// The primary's end hides nothing of a run that starts before its layers, or after them.
TEST(EvidenceRule, CensorsByThePrimaryOnlyWhatStartsInItsLayers) {
  struct Case {
    LayerInterval active;
    int first, last;
    bool censored;
  };
  for (const auto& [active, first, last, censored] :
       {Case{{5, 9}, 3, 7, false}, Case{{5, 9}, 5, 7, true}, Case{{5, 9}, 5, 6, false}, Case{{2, 5}, 6, 7, false},
        Case{{2, 5}, 5, 7, true}, Case{{2, 5}, 4, 5, true}}) {
    SequenceFigures figures = one_primary();
    set(figures.first_positions[0].norm_ratio, 0, 11, 1);
    set(figures.first_positions[0].norm_ratio, active.first, active.second, 8);
    figures.tokens.push_back(unaligned_token(first, last));
    const Detection detection = detect_by_evidence(figures, {});
    ASSERT_TRUE(detection.primary);
    ASSERT_EQ(detection.primary->birth_layer, 2);
    ASSERT_EQ(detection.runs.size(), 1U) << first;
    EXPECT_EQ(detection.runs[0].kind, SinkKind::kUnaligned);
    EXPECT_EQ(detection.runs[0].l_start, first);
    EXPECT_EQ(detection.runs[0].l_end, last);
    EXPECT_EQ(detection.runs[0].censored, censored) << first << "-" << last << " of " << active.first;
  }
}

TEST(EvidenceRule, FindsNothingUnalignedBeforeTheAxisIsBorn) {
  EXPECT_THAT(detect(unaligned_token(0, 1)).runs, IsEmpty());
  const auto later = detect(unaligned_token(1, 4)).runs;
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].l_start, 2) << "from the birth layer on";
  EXPECT_EQ(later[0].l_end, 4);
}

// Half of 1, 2, 3, 4, 5 blocks, rounded up, is 1, 1, 2, 2, 3.
TEST(EvidenceRule, RoundsTheShareOfBlocksUp) {
  Thresholds thresholds;
  thresholds.min_early_blocks = 0;
  const auto needed = [&](std::size_t n_blocks) {
    std::size_t passing = 0;
    while (true) {
      LayerFigures margins(n_blocks, -0.5F);
      std::fill_n(margins.begin(), passing, 0.25F);
      if (passing == n_blocks || *decisive_margin(margins, 0, static_cast<int>(n_blocks) - 1, thresholds) >= 0) {
        return passing;
      }
      ++passing;
    }
  };
  EXPECT_EQ(needed(1), 1U);
  EXPECT_EQ(needed(2), 1U);
  EXPECT_EQ(needed(3), 2U);
  EXPECT_EQ(needed(4), 2U);
  EXPECT_EQ(needed(5), 3U);
  thresholds.min_block_frac = 0.3F;
  EXPECT_EQ(needed(10), 3U);
  thresholds.min_block_frac = 1;
  EXPECT_EQ(needed(5), 5U);
  thresholds.min_block_frac = 0;
  EXPECT_EQ(needed(5), 1U) << "one block at least";
  EXPECT_FALSE(decisive_margin(LayerFigures(5), 0, 4, thresholds));
}

TEST(EvidenceRule, FindsUnalignedSinks) {
  TokenProfile token = ordinary_token(500);
  set(token.far_boost, 5, 6, 8);
  EXPECT_THAT(detect(token).runs, IsEmpty()) << "an ordinary norm: a word that is looked up";
  set(token.norm_ratio, 4, 5, 1.5F);
  const auto runs = detect(token).runs;
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].kind, SinkKind::kUnaligned);
  EXPECT_EQ(runs[0].verdict, Verdict::kSink);
  EXPECT_EQ(runs[0].l_start, 4);
  EXPECT_EQ(runs[0].l_end, 5);
  TokenProfile once = ordinary_token(500);
  set(once.far_boost, 5, 5, 80);
  set(once.norm_ratio, 4, 5, 1.5F);
  EXPECT_THAT(detect(once).runs, IsEmpty());
  for (auto* cosines : {&token.read_alignment, &token.centred_alignment}) {
    set(*cosines, 4, 4, 0.5F);
    EXPECT_THAT(detect(token).runs, IsEmpty());
    set(*cosines, 4, 4, 0.1F);
  }
}

TEST(EvidenceRule, DescribesUnalignedSinks) {
  TokenProfile token = unaligned_token(4, 6);
  token.far_boost[6] = 10;
  const auto runs = detect(token).runs;
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].lifetime, 3);
  EXPECT_EQ(runs[0].attention_lifetime, 3);
  EXPECT_EQ(runs[0].far_boost_max, 10);
  EXPECT_EQ(runs[0].margins.far_boost, 0.0F) << "the weakest of its blocks";
  EXPECT_EQ(runs[0].margins.attention, 0.0F);
  EXPECT_FALSE(runs[0].margins.alignment);
}

// The layers of an aligned sink are not told a second time; those of a run that is none may be.
TEST(EvidenceRule, FindsNoUnalignedSinkWithinAnAlignedOne) {
  TokenProfile sink = ordinary_token(500);
  make_aligned(sink, 4, 6, 12);
  for (auto* cosines : {&sink.centred_alignment, &sink.read_alignment}) set(*cosines, 4, 6, 0.1F);
  const auto alone = detect(sink).runs;
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(alone[0].kind, SinkKind::kSecondary);
  TokenProfile long_run = ordinary_token(500);
  make_aligned(long_run, 4, 9, 1);
  for (auto* cosines : {&long_run.centred_alignment, &long_run.read_alignment}) set(*cosines, 4, 9, 0.1F);
  set(long_run.far_boost, 5, 6, 12);  // two of six blocks
  const auto both = detect(long_run).runs;
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].verdict, Verdict::kAlignedOnly);
  EXPECT_EQ(both[1].kind, SinkKind::kUnaligned);
  EXPECT_EQ(both[1].l_end, 5);
  EXPECT_EQ(both[1].run_index, 1);
}

TEST(EvidenceRule, FindsSinksWithoutAPrimary) {
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].norm_ratio, 0, 11, 1);
  const Detection detection = detect_by_evidence(figures, {});
  EXPECT_FALSE(detection.primary);
  ASSERT_EQ(detection.runs.size(), 1U);
  EXPECT_EQ(detection.runs[0].position, 0);
  EXPECT_EQ(detection.runs[0].kind, SinkKind::kUnaligned);
}

}  // namespace
}  // namespace sinkscope
