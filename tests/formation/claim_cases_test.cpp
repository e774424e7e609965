// What claims ask of runs, from figures that were made up.
#include "formation/claim_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/index.h"

namespace sinkscope {
namespace {

constexpr int kCaseLayers = 6;

// One token, a sink in layers 1 to 3 that is tallest in layer 2, among ordinary norms that grow.
class ClaimCases : public testing::Test {
 protected:
  ClaimCases() {
    figures_.n_layers = kCaseLayers;
    figures_.n_tokens = 20;
    figures_.ordinary_norm = {1.0F, 1.0F, 1.0F, 1.0F, 2.0F, 3.0F};
    TokenProfile& profile = figures_.tokens.emplace_back(empty_profile(9, kCaseLayers));
    const std::vector<float> norms = {1, 4, 6, 6.5F, 2, 2}, cosines = {0, 0.9F, 0.95F, 0.8F, 0, 0};
    for (std::size_t l = 0; l < kCaseLayers; ++l) {
      profile.hidden_norm[l] = norms[l];
      profile.norm_ratio[l] = norms[l] / *figures_.ordinary_norm[l];
      profile.alignment[l] = cosines[l];
      profile.mlp_write_norm[l] = 2;
      profile.read_alignment[l] = 0.25F;
      profile.far_score[l] = 0.125F * static_cast<float>(l);
    }
    profile.logit_gap[3] = -9;  // a window hides it
    profile.logit_gap[4] = 0.25F;
    profile.logit_gap[5] = 0.5F;
    run_.position = 9;
    run_.verdict = Verdict::kSink;
    run_.l_start = 1;
    run_.l_end = 3;
    run_.attention_lifetime = 4;
    tokens_[9] = 77;
  }

  std::vector<NormCase> cases(const sinkscope::Run& run, SinkKind kind = SinkKind::kSecondary) {
    detection_.runs = {run};
    return norm_cases({5, "five", tokens_, figures_, detection_}, sees_all_, kind, {});
  }

  SequenceFigures figures_;
  Detection detection_;
  std::vector<TokenId> tokens_ = std::vector<TokenId>(20, 1);
  std::vector<std::uint8_t> sees_all_ = {1, 1, 1, 0, 1, 1};
  sinkscope::Run run_;
};

TEST_F(ClaimCases, OfTheNormReadTheFirstBlockThatSeesAllAndMeasuresTheGap) {
  const auto found = cases(run_);
  ASSERT_EQ(found.size(), 1U);
  const NormCase& one = found[0];
  EXPECT_EQ(one.sequence, 5);
  EXPECT_EQ(one.position, 9);
  EXPECT_EQ(one.token, 77);
  EXPECT_EQ(one.l_start, 1);
  EXPECT_NEAR(one.log_norm_ratio, std::log(4.0), 1e-12);
  EXPECT_EQ(one.block, 4);
  EXPECT_EQ(one.gap, 0.25);
  EXPECT_EQ(one.far_score, 0.5);
  EXPECT_EQ(one.read_alignment, 0.25);
  EXPECT_EQ(one.mlp_norm_ratio, 2.0);
  EXPECT_EQ(one.attention_lifetime->time, 4);
  EXPECT_TRUE(one.attention_lifetime->ended);
  // Tallest in layer 2 (6 x 0.95, against 4 x 0.9 and 6.5 x 0.8): its norm of 6 is three ordinary ones up to layer 4.
  EXPECT_EQ(one.beyond_dilution, 3 - 4);
  sees_all_[3] = 1;
  EXPECT_EQ(cases(run_)[0].block, 3);
  figures_.tokens[0].logit_gap[2] = 1;
  EXPECT_EQ(cases(run_)[0].block, 2) << "right behind its start";
}

TEST_F(ClaimCases, OfTheNormKnowNoEndOfWhatIsCensored) {
  run_.censored = true;
  const NormCase one = cases(run_).at(0);
  EXPECT_FALSE(one.attention_lifetime->ended);
  EXPECT_FALSE(one.beyond_dilution);
  run_.attention_lifetime.reset();
  EXPECT_FALSE(cases(run_).at(0).attention_lifetime);
}

TEST_F(ClaimCases, OfTheNormAreSinksAndLongSilentRuns) {
  EXPECT_TRUE(cases(run_, SinkKind::kPrimaryLike).empty()) << "another kind";
  sinkscope::Run silent = run_;
  silent.verdict = Verdict::kAlignedOnly;
  ASSERT_EQ(cases(silent).size(), 1U);
  EXPECT_FALSE(cases(silent)[0].attention_lifetime);
  EXPECT_FALSE(cases(silent)[0].beyond_dilution);
  silent.l_end = 2;
  EXPECT_EQ(cases(silent).size(), 1U);
  silent.l_end = 1;
  EXPECT_TRUE(cases(silent).empty()) << "of one layer";
  sinkscope::Run unscored = run_;
  unscored.verdict = Verdict::kUnscored;
  EXPECT_TRUE(cases(unscored).empty());
}

// What is left out hides nothing behind it: another kind, a short silent run, a token without figures, one without norms.
TEST_F(ClaimCases, OfTheNormAreAllRunsThatCount) {
  sinkscope::Run other = run_, silent = run_, unknown = run_, flat = run_;
  other.kind = SinkKind::kPrimaryLike;
  silent.verdict = Verdict::kTransient;
  unknown.position = 10;
  flat.l_start = 0;
  figures_.tokens[0].norm_ratio[0] = 0;
  detection_.runs = {other, silent, unknown, flat, run_, run_};
  EXPECT_EQ(norm_cases({5, "five", tokens_, figures_, detection_}, sees_all_, SinkKind::kSecondary, {}).size(), 2U);
}

TEST_F(ClaimCases, OfTheNormNeedAGapANormAndAProfile) {
  sinkscope::Run unknown = run_;
  unknown.position = 10;
  EXPECT_TRUE(cases(unknown).empty());
  figures_.tokens[0].logit_gap[4].reset();
  EXPECT_EQ(cases(run_).at(0).block, 5) << "the last";
  figures_.tokens[0].logit_gap[5].reset();
  EXPECT_TRUE(cases(run_).empty());
  figures_.tokens[0].logit_gap[5] = 1;
  figures_.tokens[0].norm_ratio[1] = 0;
  EXPECT_TRUE(cases(run_).empty());
  figures_.tokens[0].norm_ratio[1].reset();
  EXPECT_TRUE(cases(run_).empty());
}

TEST_F(ClaimCases, OfFormationSayWhatAnyEditRemoved) {
  SequenceExplanation explanation;
  RunExplanation& run = explanation.runs.emplace_back();
  run.formed = true;
  run.mlp_axis = {1, 2};
  run.control_mlp = Matrix<float>(3, 2);
  explanation.runs.push_back(run);
  explanation.runs[1].run.kind = SinkKind::kPrimaryLike;
  const auto one = [&] { return formation_cases(explanation, 4, SinkKind::kSecondary).at(0); };
  std::ranges::reverse(explanation.runs);
  EXPECT_EQ(formation_cases(explanation, 4, SinkKind::kSecondary).size(), 1U) << "what is left out hides nothing";
  std::ranges::reverse(explanation.runs);
  EXPECT_EQ(formation_cases(explanation, 4, SinkKind::kSecondary).size(), 1U);
  EXPECT_EQ(one().sequence, 4);
  EXPECT_EQ(one().formed, true);
  EXPECT_FALSE(one().single_removed) << "not edited";
  EXPECT_FALSE(one().placebo_removed);
  EXPECT_FALSE(one().together_removed);
  EXPECT_FALSE(one().neuron);
  EXPECT_EQ(one().control_mlp_axis.rows(), 3U);
  RunExplanation& edited = explanation.runs[0];
  edited.edits.resize(3);
  edited.edits[2].placebo = true;
  EXPECT_EQ(one().single_removed, false);
  EXPECT_EQ(one().placebo_removed, false);
  edited.edits[0].axis.removed = true;
  EXPECT_EQ(one().single_removed, true) << "by one of two";
  EXPECT_EQ(one().placebo_removed, false);
  edited.edits[0].axis.removed = false;
  edited.edits[2].axis.removed = true;
  EXPECT_EQ(one().single_removed, false);
  EXPECT_EQ(one().placebo_removed, true);
  edited.together.emplace();
  EXPECT_EQ(one().together_removed, false);
  edited.together->outcome.removed = true;
  EXPECT_EQ(one().together_removed, true);
  edited.neurons.emplace();
  EXPECT_FALSE(one().neuron);
  edited.neurons->list.resize(2);
  edited.neurons->list[0].neuron = 17;
  EXPECT_EQ(one().neuron, 17);
  edited.peak.emplace();
  edited.peak->largest = {{{PartKind::kMlp, 5}, 0.75, 3}};
  EXPECT_EQ(one().largest, (PartName{PartKind::kMlp, 5}));
  EXPECT_EQ(one().share, 0.75);
}

TEST_F(ClaimCases, OfThePrimaryAreSequencesWithoutSecondarySinks) {
  detection_.primary.emplace();
  detection_.primary->position = 9;
  detection_.primary->birth_layer = 2;
  detection_.primary->active_layers = {{0, 1}, {2, 4}};
  const auto found = [&](const sinkscope::Run& run) {
    detection_.runs = {run};
    return primary_case({5, "five", tokens_, figures_, detection_}, sees_all_, 8);
  };
  EXPECT_FALSE(found(run_));
  run_.verdict = Verdict::kAlignedOnly;
  EXPECT_TRUE(found(run_));
  run_.verdict = Verdict::kSink;
  run_.kind = SinkKind::kPrimaryLike;
  const auto one = found(run_);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->sequence, 8);
  EXPECT_EQ(one->first_layer, 2);
  EXPECT_EQ(one->last_layer, 4);
  EXPECT_EQ(one->far_score, (LayerFigures{0.0F, 0.125F, 0.25F, std::nullopt, 0.5F, 0.625F}));
}

}  // namespace
}  // namespace sinkscope
