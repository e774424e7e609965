#include "impact/judge_ablation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace sinkscope {
namespace {

using enum AblationVerdict;

AblationEffect effect(double low, double high, double q = 0.01, int n = 12) {
  AblationEffect effect;
  effect.difference = (low + high) / 2;
  effect.interval = Interval{low, high};
  effect.p = effect.q = q;
  effect.n_documents = n;
  return effect;
}

TEST(PrimaryVerdict, ReadsIntervalsAgainstTheirMargins) {
  const AblateRequest request;
  const auto verdict = [&](const AblationEffect& score, const AblationEffect& log_odds, int n_replaced = 0) {
    return primary_verdict(score, log_odds, n_replaced, request);
  };
  EXPECT_EQ(verdict(effect(-0.004, 0.004), effect(-0.03, 0.04)), kNoEffect);
  EXPECT_EQ(verdict(effect(-0.006, 0.004), effect(-0.03, 0.04)), kUndecided) << "an interval that merely holds 0";
  EXPECT_EQ(verdict(effect(-0.004, 0.004), effect(-0.03, 0.06)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(-0.03, 0.04)), kCompetitionOnly);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(-0.03, 0.06)), kUndecided) << "0 in it is no evidence for \"only\"";
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(0.06, 0.09)), kBeyondCompetition);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(0.04, 0.09)), kUndecided);
  EXPECT_EQ(verdict(effect(-0.03, -0.01), effect(-0.09, -0.06)), kSupported);
  EXPECT_EQ(verdict(effect(-0.03, -0.01), effect(-0.09, -0.04)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03, 0.2), effect(0.06, 0.09)), kUndecided) << "not after Holm";
  // Nothing but a small one within both margins is both; smaller than the margin it is no effect.
  EXPECT_EQ(verdict(effect(0.001, 0.004), effect(-0.03, 0.04)), kNoEffect);
}

// An interval lies within its margins if it ends on them; above and below a bound it lies beyond it.
TEST(PrimaryVerdict, AtABoundIsWithinAndNotBeyond) {
  const AblateRequest request;
  const auto verdict = [&](const AblationEffect& score, const AblationEffect& log_odds) {
    return primary_verdict(score, log_odds, 0, request);
  };
  EXPECT_EQ(verdict(effect(-0.005, 0.005), effect(-0.05, 0.05)), kNoEffect);
  EXPECT_EQ(verdict(effect(0, 0.03), effect(-0.03, 0.04)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(0.05, 0.09)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(-0.05, 0.05)), kCompetitionOnly);
  EXPECT_EQ(verdict(effect(-0.03, 0), effect(-0.09, -0.06)), kUndecided);
  EXPECT_EQ(verdict(effect(-0.03, -0.01), effect(-0.09, -0.05)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03, 0.05), effect(0.06, 0.09, 0.05)), kBeyondCompetition);
  EXPECT_EQ(verdict(effect(-0.03, -0.01, 0.05), effect(-0.09, -0.06, 0.05)), kSupported);
}

TEST(PrimaryVerdict, NeedsBothToHoldAfterHolm) {
  const AblateRequest request;
  const auto verdict = [&](const AblationEffect& score, const AblationEffect& log_odds) {
    return primary_verdict(score, log_odds, 0, request);
  };
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(0.06, 0.09, 0.06)), kUndecided);
  EXPECT_EQ(verdict(effect(0.01, 0.03, 0.06), effect(-0.03, 0.04)), kUndecided);
  EXPECT_EQ(verdict(effect(-0.03, -0.01, 0.06), effect(-0.09, -0.06)), kUndecided);
  EXPECT_EQ(verdict(effect(-0.03, -0.01), effect(-0.09, -0.06, 0.06)), kUndecided);
}

TEST(PrimaryVerdict, NeedsDocuments) {
  EXPECT_EQ(primary_verdict(effect(0.01, 0.03, 0.01, 8), effect(0.06, 0.09, 0.01, 8), 0, {}), kBeyondCompetition);
  EXPECT_EQ(primary_verdict(effect(0.01, 0.03, 0.01, 8), effect(0.06, 0.09, 0.01, 7), 0, {}), kNotEnough);
  EXPECT_EQ(primary_verdict(effect(0.01, 0.03, 0.01, 7), effect(0.06, 0.09, 0.01, 8), 0, {}), kNotEnough);
  EXPECT_EQ(primary_verdict(effect(0.01, 0.03, 0.01, 7), effect(0.06, 0.09, 0.01, 7), 7, {}), kNotEnough);
}

TEST(PrimaryVerdict, SinksThatWereReplacedSayLittle) {
  const AblateRequest request;
  EXPECT_EQ(primary_verdict(effect(-0.004, 0.004), effect(-0.03, 0.04), 2, request), kNoEffect) << "2 of 12";
  EXPECT_EQ(primary_verdict(effect(-0.004, 0.004), effect(-0.03, 0.04), 3, request), kReplaced) << "a quarter";
  EXPECT_EQ(primary_verdict(effect(-0.03, -0.01), effect(-0.09, -0.06), 3, request), kReplaced);
  AblateRequest any;
  any.replaced_share = 0;
  EXPECT_EQ(primary_verdict(effect(-0.004, 0.004), effect(-0.03, 0.04), 0, any), kNoEffect) << "nothing was replaced";
  EXPECT_EQ(primary_verdict(effect(0.01, 0.03), effect(0.06, 0.09), 3, request), kBeyondCompetition);
}

TEST(TokenVerdict, ReadsLossAndDivergence) {
  const AblateRequest request;
  const auto verdict = [&](const AblationEffect& loss, const AblationEffect& kl) {
    return token_verdict(loss, kl, request);
  };
  EXPECT_EQ(verdict(effect(0.02, 0.03), effect(0.011, 0.02)), TokenVerdict::kMatters);
  EXPECT_EQ(verdict(effect(-0.009, 0.009), effect(0, 0.009)), TokenVerdict::kNegligible);
  EXPECT_EQ(verdict(effect(-0.009, 0.009), effect(0.02, 0.03)), TokenVerdict::kHarmless);
  EXPECT_EQ(verdict(effect(-0.05, -0.02), effect(0.02, 0.03)), TokenVerdict::kHarmless) << "below";
  EXPECT_EQ(verdict(effect(-0.009, 0.02), effect(0.02, 0.03)), TokenVerdict::kUndecided);
  EXPECT_EQ(verdict(effect(-0.009, 0.009), effect(0.005, 0.03)), TokenVerdict::kUndecided);
  EXPECT_EQ(verdict(effect(0.02, 0.03, 0.01, 5), effect(0.02, 0.03)), TokenVerdict::kNotEnough);
  EXPECT_EQ(verdict(effect(0.02, 0.03), effect(0.02, 0.03, 0.01, 7)), TokenVerdict::kNotEnough);
  EXPECT_EQ(verdict(effect(0.02, 0.03, 0.01, 8), effect(0.02, 0.03, 0.01, 8)), TokenVerdict::kMatters);
  // At the margin: within it, and not above.
  EXPECT_EQ(verdict(effect(-0.01, 0.01), effect(0, 0.01)), TokenVerdict::kNegligible);
  EXPECT_EQ(verdict(effect(-0.009, 0.01), effect(0.02, 0.03)), TokenVerdict::kHarmless);
  EXPECT_EQ(verdict(effect(0.01, 0.03), effect(0.02, 0.03)), TokenVerdict::kUndecided);
  EXPECT_EQ(verdict(effect(0.02, 0.03), effect(0.01, 0.03)), TokenVerdict::kUndecided);
  EXPECT_EQ(verdict(effect(-0.02, 0.009), effect(0, 0.009)), TokenVerdict::kUndecided) << "loss falls: no divergence";
}

// One document whose effects are the same in every block: score as told, log odds ten times it, and a placebo.
SequenceAblation document(const std::string& unit, double score, double placebo) {
  SequenceAblation ablation;
  ablation.unit = unit;
  ablation.removed = {{40, 2, 4, {}}, {90, 3, 8, {}}};
  ablation.base.resize(8);
  const auto run_of = [](double value) {
    EditedRun run;
    run.blocks.resize(8);
    for (std::size_t b = 3; b < 7; ++b) {  // not in block 7
      BlockEffect block;
      block.score = value;
      block.logs = LogChanges{};
      block.logs->log_odds = 10 * value;
      run.blocks[b] = block;
    }
    return run;
  };
  ablation.edited = run_of(score);
  ablation.placebo_runs = {run_of(placebo - 0.1), run_of(placebo + 0.1)};
  return ablation;
}

TEST(JudgeAblation, EndpointIsTheMeanOverTheSinksBlocks) {
  SequenceAblation ablation = document("a", 1, 0);
  // From the first sink's l_start + 1 to the last block, as l_end + 1 lies behind it; not measured in the last.
  for (std::size_t b = 0; b < 8; ++b) {
    if (ablation.edited.blocks[b]) ablation.edited.blocks[b]->score = static_cast<double>(b);
  }
  EXPECT_DOUBLE_EQ(*endpoint_of(ablation, ablation.edited, "score"), (3 + 4 + 5 + 6) / 4.0);
  ablation.removed.back().l_end = 4;
  EXPECT_DOUBLE_EQ(*endpoint_of(ablation, ablation.edited, "score"), (3 + 4 + 5) / 3.0);
  ablation.edited.blocks.assign(8, std::nullopt);
  EXPECT_FALSE(endpoint_of(ablation, ablation.edited, "score"));
}

// The interval of the mean difference is SciPy's of the same numbers.
TEST(JudgeAblation, IntervalsAreSciPys) {
  const auto reference =
      nlohmann::json::parse(std::ifstream(std::string(SINKSCOPE_TEST_DATA) + "/statistics/reference.json"));
  const auto sample = reference.at("sample").get<std::vector<double>>();
  const auto interval = reference.at("bca_of_mean").get<std::vector<double>>();
  AblateRequest request;
  request.loss = false;
  Ablation ablation;
  ablation.edits.resize(1);
  double mean = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    ablation.edits[0].push_back(document("document " + std::to_string(i), sample[i] + 5, 5));
    mean += sample[i] / static_cast<double>(sample.size());
  }
  const JudgedAblation judged = judge_ablation(ablation, request);
  const AblationEffect& score = judged.verdicts[0].score;
  EXPECT_EQ(score.n_documents, 14);
  EXPECT_NEAR(*score.difference, mean, 1e-9);
  EXPECT_NEAR(*score.placebo, 5, 1e-9);
  // Two resamplings of 10,000 differ by a few hundredths of the interval's width.
  EXPECT_NEAR(score.interval->low, interval[0], 0.05);
  EXPECT_NEAR(score.interval->high, interval[1], 0.05);
  // All differences are above 0: of 2^14 signs two are as extreme; 10,000 are drawn. Holm doubles the smallest of two.
  EXPECT_LT(*score.p, 0.001);
  EXPECT_DOUBLE_EQ(*score.q, std::min(1.0, 2 * std::min(*score.p, *judged.verdicts[0].log_odds.p)));
  EXPECT_FALSE(judged.verdicts[0].tokens_verdict);
  EXPECT_EQ(judged.verdicts[0].verdict, kBeyondCompetition);
  int by_block = 0;
  for (const AblationEffect& one : judged.effects) {
    if (!one.block || one.quantity != "score") continue;
    ++by_block;
    EXPECT_GE(*one.block, 3);
    EXPECT_NEAR(*one.difference, mean, 1e-9);
    EXPECT_TRUE(one.q);
  }
  EXPECT_EQ(by_block, 4);
}

TEST(JudgeAblation, DrawsDoNotDependOnTheOrderOfDocuments) {
  AblateRequest request;
  request.loss = false;
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 15; ++i) {
    ablation.edits[0].push_back(document("document " + std::to_string(i * 4 % 15), 0.1 * i * i - 3, 0));
  }
  const AblationEffect one = judge_ablation(ablation, request).verdicts[0].score;
  std::ranges::reverse(ablation.edits[0]);
  const AblationEffect other = judge_ablation(ablation, request).verdicts[0].score;
  EXPECT_EQ(one.interval->low, other.interval->low);
  EXPECT_EQ(one.interval->high, other.interval->high);
  EXPECT_EQ(one.p, other.p);
}

TEST(JudgeAblation, ChunksOfADocumentAreOneUnit) {
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 20; ++i) ablation.edits[0].push_back(document(i % 4 == 0 ? "a" : "b", i, 0));
  const JudgedAblation judged = judge_ablation(ablation, {});
  EXPECT_EQ(judged.verdicts[0].score.n_documents, 2);
  // a: 0 4 8 12 16; b: the others of 0 .. 19.
  EXPECT_NEAR(*judged.verdicts[0].score.difference, (8 + 10) / 2.0, 1.0);
  EXPECT_FALSE(judged.verdicts[0].score.interval);
  EXPECT_EQ(judged.verdicts[0].verdict, kNotEnough);
  EXPECT_EQ(judged.verdicts[0].reason, "2 documents, 8 needed");
}

TEST(JudgeAblation, CountsWhatTookTheSinksPlace) {
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 8; ++i) {
    SequenceAblation one = document(std::to_string(i), -0.001, 0);
    if (i < 2) {
      one.edited.detection.new_sinks = {50, 60 + i};
      for (auto& block : one.edited.blocks) {
        if (block) block->replaced_mass = 0.25 + 0.1 * i;
      }
    }
    one.placebo_runs[1].detection.new_sinks = {7};
    ablation.edits[0].push_back(std::move(one));
  }
  const JudgedEdit edit = judge_ablation(ablation, {}).verdicts[0];
  EXPECT_EQ(edit.verdict, kReplaced);
  EXPECT_EQ(edit.n_replaced, 2);
  EXPECT_EQ(edit.n_new_sinks, 4);
  EXPECT_EQ(edit.n_new_placebo_sinks, 8);
  EXPECT_NEAR(*edit.replaced_mass, 0.3, 1e-12);
  EXPECT_NE(edit.reason.find("4 new sinks in 2 of 8 documents took 0.300 of the attention"), std::string::npos)
      << edit.reason;
}

TEST(JudgeAblation, SaysWhatItRestsOn) {
  AblateRequest request;
  request.loss = false;
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 8; ++i) ablation.edits[0].push_back(document(std::to_string(i), -0.001, 0));
  const JudgedEdit edit = judge_ablation(ablation, request).verdicts[0];
  EXPECT_EQ(edit.verdict, kNoEffect);
  EXPECT_EQ(edit.reason,
            "score -0.001 [-0.001, -0.001], log odds -0.010 [-0.010, -0.010] against placebo; margins 0.005 and 0.05");
  EXPECT_EQ(edit.n_documents, 8);
  EXPECT_EQ(edit.n_replaced, 0);
  EXPECT_FALSE(edit.replaced_mass);
}

// A document counts with the placebo draws in which it was measured; without any it does not.
TEST(JudgeAblation, NeedsAPlacebo) {
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 3; ++i) ablation.edits[0].push_back(document(std::to_string(i), 1, 0));
  ablation.edits[0][0].placebo_runs.clear();
  ablation.edits[0][1].placebo_runs[0].blocks.assign(8, std::nullopt);
  const AblationEffect score = judge_ablation(ablation, {}).verdicts[0].score;
  EXPECT_EQ(score.n_documents, 2);
  EXPECT_NEAR(*score.placebo, (0.1 + 0) / 2, 1e-12);
  EXPECT_NEAR(*score.removed, 1, 1e-12);
  EXPECT_NEAR(*score.difference, 0.95, 1e-12);
}

// Losses of each document: all tokens, and those at two distances.
TEST(JudgeAblation, ReadsTokensAsAWholeAndByDistance) {
  const auto tokens = [](double loss, double kl) {
    TokenEffect effect;
    effect.n = 100;
    effect.loss = loss;
    effect.kl = kl;
    effect.by_distance = {{1, 1, 2, loss + 1, kl + 1}, {2, 4, 6, std::nullopt, std::nullopt}};
    return effect;
  };
  Ablation ablation;
  ablation.edits.resize(1);
  for (int i = 0; i < 9; ++i) {
    SequenceAblation one = document(std::to_string(i), 1, 0);
    one.edited.tokens = tokens(0.5, 0.25);
    for (EditedRun& draw : one.placebo_runs) draw.tokens = tokens(0.125, 0.0625);
    ablation.edits[0].push_back(std::move(one));
  }
  ablation.edits[0][8].edited.tokens->n = 0;
  const JudgedAblation judged = judge_ablation(ablation, {});
  const JudgedEdit& edit = judged.verdicts[0];
  EXPECT_EQ(edit.loss->n_documents, 8) << "one has no token behind a removed one";
  EXPECT_NEAR(*edit.loss->difference, 0.375, 1e-12);
  EXPECT_NEAR(*edit.kl->difference, 0.1875, 1e-12);
  EXPECT_EQ(edit.tokens_verdict, TokenVerdict::kMatters);
  EXPECT_EQ(edit.tokens_reason,
            "loss +0.375 [+0.375, +0.375], KL +0.188 [+0.188, +0.188] nats against placebo; margin 0.01");
  // Four endpoints; seven quantities in four blocks; loss and KL at the one distance that has tokens.
  ASSERT_EQ(judged.effects.size(), 4U + 7 * 4 + 2);
  const AblationEffect& near_kl = judged.effects.back();
  EXPECT_EQ(near_kl.quantity, "kl");
  EXPECT_EQ(near_kl.distance, 1);
  EXPECT_FALSE(near_kl.block);
  EXPECT_NEAR(*near_kl.removed, 1.25, 1e-12);
  EXPECT_NEAR(*near_kl.placebo, 1.0625, 1e-12);
}

}  // namespace
}  // namespace sinkscope
