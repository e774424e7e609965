#include "formation/norm_profiles.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sinkscope {
namespace {

NormCase sink_lasting(double norm_ratio, double time, bool ended) {
  NormCase one;
  one.log_norm_ratio = std::log(norm_ratio);
  one.attention_lifetime = Lifetime{time, ended};
  return one;
}

TEST(SurvivalByNorm, ThirdsByHand) {
  std::vector<NormCase> cases = {sink_lasting(40, 9, false), sink_lasting(5, 2, true),   sink_lasting(10, 4, true),
                                 sink_lasting(4, 3, true),   sink_lasting(12, 6, false), sink_lasting(50, 8, true)};
  cases.emplace_back();  // no sink: it has no lifetime
  const auto groups = survival_by_norm(cases);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_NEAR(groups[0].norm_ratio_min, 4, 1e-12);
  EXPECT_NEAR(groups[0].norm_ratio_max, 5, 1e-12);
  ASSERT_EQ(groups[0].steps.size(), 2U);
  EXPECT_EQ(groups[0].steps[0].time, 2);
  EXPECT_EQ(groups[0].steps[0].survival, 0.5);
  EXPECT_EQ(groups[0].steps[1].survival, 0);
  EXPECT_EQ(groups[1].ended, 1);
  EXPECT_EQ(groups[1].steps[1].survival, 0.5);  // 6, where it was censored
  EXPECT_EQ(groups[2].n, 2);
  EXPECT_EQ(survival_by_norm(std::vector{sink_lasting(3, 1, true)}).size(), 1U);
  EXPECT_TRUE(survival_by_norm({}).empty());
}

RunExplanation run_of(int l_start, int l_end, LayerFigures far_score) {
  RunExplanation run;
  run.run.l_start = l_start;
  run.run.l_end = l_end;
  run.far_score = std::move(far_score);
  return run;
}

TEST(ScoresByLevel, MediansOverTheSinksOfALevel) {
  SequenceExplanation a, b;
  a.runs = {run_of(1, 2, {std::nullopt, 0.1F, 0.5F}), run_of(0, 2, {0.3F, 0.3F, 0.3F})};
  b.runs = {run_of(1, 2, {std::nullopt, std::nullopt, 0.25F})};
  b.runs.push_back(run_of(1, 2, {std::nullopt, std::nullopt, 9}));
  b.runs.back().run.kind = SinkKind::kPrimaryLike;
  const auto levels = scores_by_level(std::vector{a, b}, SinkKind::kSecondary);
  ASSERT_EQ(levels.size(), 2U);
  EXPECT_EQ(levels[0].l_start, 0);
  EXPECT_EQ(levels[1].n, 2);
  EXPECT_EQ(levels[1].score_p50, (LayerFigures{std::nullopt, 0.1F, 0.375F}));
}

}  // namespace
}  // namespace sinkscope
