// Which of what was measured is said, under the thresholds of the request.
#include "formation/judge_explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/index.h"

namespace sinkscope {
namespace {

using testing::ElementsAre;

constexpr int kJudgedLayers = 8;

sinkscope::Run secondary(int position, int l_start, int l_end) {
  sinkscope::Run run;
  run.position = position;
  run.l_start = l_start;
  run.l_end = l_end;
  run.kind = SinkKind::kSecondary;
  run.verdict = Verdict::kSink;
  return run;
}

class Judged : public testing::Test {
 protected:
  Judged() {
    request_.kinds = {SinkKind::kSecondary};
    request_.map = false;
    request_.options.n_permutations = request_.options.n_bootstraps = 9;
  }

  // A sequence with a primary at position 0, and these runs.
  SequenceToExplain& scanned(std::int64_t ordinal, std::vector<sinkscope::Run> runs) {
    SequenceToExplain& sequence = sequences_[ordinal];
    sequence.ordinal = ordinal;
    sequence.tokens.assign(100, 1);
    sequence.figures.n_layers = kJudgedLayers;
    sequence.figures.n_tokens = 100;
    TokenProfile& primary = sequence.figures.first_positions.emplace_back(empty_profile(0, kJudgedLayers));
    for (std::size_t l = 0; l < kJudgedLayers; ++l) primary.far_score[l] = l == 4 ? 0.25F : 0.5F;
    sequence.detection.primary.emplace();
    sequence.detection.primary->birth_layer = 0;
    sequence.detection.primary->active_layers = {{0, 6}};
    sequence.detection.runs = std::move(runs);
    return sequence;
  }
  // What was measured of it.
  SequenceExplanation explained(std::int64_t ordinal, const std::vector<sinkscope::Run>& runs) {
    SequenceExplanation explanation;
    explanation.ordinal = ordinal;
    explanation.sees_all.assign(kJudgedLayers, 1);
    for (const sinkscope::Run& run : runs) explanation.runs.emplace_back().run = run;
    return explanation;
  }
  Explanation judged() const {
    return judge_explanation(
        static_cast<std::int64_t>(sequences_.size()), [&](std::int64_t i) { return sequences_.at(i); }, request_, store_);
  }

  ExplainRequest request_;
  std::map<std::int64_t, SequenceToExplain> sequences_;
  ExplanationsInMemory store_;
};

TEST_F(Judged, SequencesCountByWhatIsKnownOfThem) {
  scanned(0, {}).detection.primary.reset();
  scanned(1, {});
  scanned(2, {});
  store_.add(explained(2, {}));
  const Explanation result = judged();
  EXPECT_EQ(result.n_without_primary, 1);
  EXPECT_EQ(result.n_not_measured, 1);
  ASSERT_EQ(result.sequences.size(), 1U);
  EXPECT_EQ(result.sequences[0].ordinal, 2);
  EXPECT_EQ(result.n_sinks, 0);
  std::vector<std::string> claims;
  for (const Claim& claim : result.claims) claims.push_back(claim.claim);
  EXPECT_THAT(claims, ElementsAre("formation", "formation_together", "formation_single", "norm", "norm_lifetime", "primary"));
}

TEST_F(Judged, RunsAreThoseThatWereMeasuredWithTheSameLayers) {
  sinkscope::Run unaligned = secondary(30, 2, 4), silent = secondary(31, 2, 4), as_primary = secondary(32, 2, 4);
  unaligned.kind = SinkKind::kUnaligned;
  silent.verdict = Verdict::kAlignedOnly;
  as_primary.kind = SinkKind::kPrimaryLike;
  sinkscope::Run now = secondary(9, 3, 5);
  now.margin = 0.75F;
  scanned(0, {now, secondary(12, 3, 6), secondary(13, 2, 5), secondary(14, 3, 5), unaligned, silent, as_primary});
  store_.add(explained(0, {secondary(9, 3, 5), secondary(12, 3, 5), secondary(13, 3, 5), silent, as_primary}));
  const Explanation result = judged();
  EXPECT_EQ(result.n_sinks, 1);
  EXPECT_EQ(result.n_unaligned, 1);
  ASSERT_EQ(result.sequences[0].runs.size(), 1U);
  EXPECT_EQ(result.sequences[0].runs[0].run.position, 9);
  EXPECT_EQ(result.sequences[0].runs[0].run.margin, 0.75F) << "under the thresholds of now";
  std::vector<int> unexplained;
  for (const UnexplainedRun& run : result.unexplained) unexplained.push_back(run.position);
  EXPECT_THAT(unexplained, ElementsAre(12, 13, 14));
  EXPECT_EQ(result.unexplained[0].l_end, 6);
}

TEST_F(Judged, AnotherPrimaryHasAnotherAxis) {
  scanned(0, {secondary(9, 3, 5)});
  SequenceExplanation explanation = explained(0, {secondary(9, 3, 5)});
  explanation.primary.position = 1;
  store_.add(explanation);
  EXPECT_EQ(judged().n_sinks, 0);
  EXPECT_EQ(judged().unexplained.size(), 1U);
}

TEST_F(Judged, WhereWritesLackNothingIsUnexplained) {
  scanned(0, {secondary(9, 3, 5)});
  scanned(1, {});
  SequenceExplanation explanation = explained(0, {});
  explanation.writes_lacking = "no writes";
  store_.add(explanation);
  store_.add(explained(1, {}));
  EXPECT_EQ(judged().writes_lacking, "no writes");
  EXPECT_TRUE(judged().unexplained.empty());
}

TEST_F(Judged, NullsAreSums) {
  for (int i = 0; i < 2; ++i) {
    scanned(i, {});
    SequenceExplanation explanation = explained(i, {});
    explanation.null = {};
    explanation.null.n_pretended = 3 + i;
    explanation.null.pretended_formed = 1 + i;
    explanation.null.n_permuted = 10 + i;
    explanation.null.permuted_formed = 5 + i;
    explanation.null.pretended_excess = {0.5F};
    explanation.null.permuted_excess = {1.0F, static_cast<float>(i)};
    store_.add(explanation);
  }
  const FormationNull null = judged().layers.at(0).null;
  EXPECT_EQ(null.n_pretended, 7);
  EXPECT_EQ(null.pretended_formed, 3);
  EXPECT_EQ(null.n_permuted, 21);
  EXPECT_EQ(null.permuted_formed, 11);
  EXPECT_THAT(null.pretended_excess, ElementsAre(0.5F, 0.5F));
  EXPECT_THAT(null.permuted_excess, ElementsAre(1.0F, 0.0F, 1.0F, 1.0F));
}

// Secondary sinks begin in layer 3 twice and in layer 2 once; the sequence without any shows its primary.
TEST_F(Judged, ThePrimaryIsLookedAtWhereMostSecondarySinksBegin) {
  sinkscope::Run silent = secondary(20, 2, 4);
  silent.verdict = Verdict::kAlignedOnly;
  scanned(0, {secondary(9, 2, 4), secondary(10, 3, 5), secondary(11, 3, 5)});
  scanned(1, {silent, silent, silent});
  for (int i = 0; i < 2; ++i) store_.add(explained(i, {}));
  request_.options.profile_blocks = 1;
  const Explanation result = judged();
  EXPECT_THAT(result.primary.starts, ElementsAre(3));
  EXPECT_EQ(result.primary.score_median[4], 0.25F);
  EXPECT_NEAR(*result.primary.effect, -0.25, 1e-6);
  EXPECT_EQ(result.claims.back().n_sequences, 1);
  request_.layers = {5};
  EXPECT_THAT(judged().primary.starts, ElementsAre(5));
}

TEST_F(Judged, MapsAreOfTheKindsAskedFor) {
  scanned(0, {});
  store_.add(explained(0, {}));
  std::vector<LayerMap> maps(2);
  maps[0].kind = SinkKind::kPrimaryLike;
  maps[1].layer = 6;
  store_.set_maps(maps);
  ASSERT_EQ(judged().maps.size(), 1U);
  EXPECT_EQ(judged().maps[0].layer, 6);
}

}  // namespace
}  // namespace sinkscope
