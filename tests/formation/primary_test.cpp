#include <gtest/gtest.h>

#include "base/index.h"
#include "formation/primary_claim.h"

namespace sinkscope {
namespace {

// 26 layers, active in 2 to 24: score 0.5 in blocks 3 to 25, lower in blocks 11 to 13 by `dip`.
std::vector<PrimaryCase> cases(float dip, int last_layer = 24) {
  std::vector<PrimaryCase> all;
  for (int sequence = 0; sequence < 3; ++sequence) {
    PrimaryCase one;
    one.sequence = sequence;
    one.first_layer = 2;
    one.last_layer = last_layer;
    one.far_score.assign(26, std::nullopt);
    for (int block = 1; block < 26; ++block) {
      const float jitter = 0.001F * static_cast<float>(block % 5);
      one.far_score[index(block)] = 0.5F + jitter - (block >= 11 && block <= 13 ? dip : 0);
    }
    all.push_back(one);
  }
  return all;
}

TEST(PrimaryClaim, CoincidesWhereTheDipIs) {
  const std::vector<int> starts = {10};
  const PrimaryClaim result = primary_claim(cases(0.2F), starts, 26, {});
  EXPECT_EQ(result.dip.first_block, 3);
  EXPECT_EQ(result.dip.last_block, 25);
  EXPECT_NEAR(*result.dip.effect, -0.2, 0.002);
  EXPECT_NEAR(*result.dip.p, 1.0 / 23, 1e-9);  // of 23 shifts only that of no layer at all is as low
  EXPECT_EQ(result.claim.verdict, ClaimVerdict::kYes);
  EXPECT_EQ(result.claim.sentence.substr(0, 10), "coincides:");
}

TEST(PrimaryClaim, DoesNotElsewhere) {
  const std::vector<int> starts = {17};
  const PrimaryClaim result = primary_claim(cases(0.2F), starts, 26, {});
  EXPECT_GT(*result.dip.effect, 0);
  EXPECT_EQ(result.claim.verdict, ClaimVerdict::kNo);
}

TEST(PrimaryClaim, NeedsLayersAndStarts) {
  const std::vector<int> starts = {10};
  const PrimaryClaim few = primary_claim(cases(0.2F, 20), starts, 26, {});
  EXPECT_EQ(few.claim.verdict, ClaimVerdict::kNotEnough);
  EXPECT_EQ(few.claim.sentence, "not enough layers: n = 19, needs 20");
  EXPECT_FALSE(few.claim.effect);
  EXPECT_EQ(primary_claim(cases(0.2F), {}, 26, {}).claim.verdict, ClaimVerdict::kNotEnough);
  EXPECT_EQ(primary_claim({}, starts, 26, {}).claim.verdict, ClaimVerdict::kNotEnough);
}

// Twenty layers are enough, and one shift of twenty is p = 0.05.
TEST(PrimaryClaim, AtItsBounds) {
  const std::vector<int> starts = {10};
  const PrimaryClaim result = primary_claim(cases(0.2F, 21), starts, 26, {});
  EXPECT_EQ(result.dip.last_block, 22);
  EXPECT_EQ(result.dip.p, 0.05);
  EXPECT_EQ(result.claim.verdict, ClaimVerdict::kYes);
  EXPECT_EQ(result.claim.sentence, "coincides: the primary's far score is 0.20 lower there, p 0.05 over 20 layers");
  EXPECT_EQ(primary_claim(cases(0.2F, 25), starts, 26, {}).dip.last_block, 25) << "no block reads the last layer";
  const std::vector<int> at_the_edges = {1, 2, 21, 22};
  EXPECT_EQ(primary_claim(cases(0.2F, 21), at_the_edges, 26, {}).dip.starts, (std::vector<int>{2, 21}));
  std::vector<int> everywhere;
  for (int start = 2; start < 25; start += 3) everywhere.push_back(start);
  EXPECT_EQ(primary_claim(cases(0.2F), everywhere, 26, {}).claim.sentence,
            "not enough: no layer in which secondary sinks begin elsewhere, needs 1; see --layers");
}

TEST(PrimaryClaim, IsOfTheMedianSequence) {
  std::vector<PrimaryCase> all = cases(0.2F);
  all[0].first_layer = 4;
  all[1].first_layer = 3;
  all[0].far_score[12] = 0.1F;
  all[1].far_score[12] = 0.5F;
  all[2].far_score[12] = 0.2F;
  all[0].far_score[7].reset();  // not measured in one, in the others as always
  for (PrimaryCase& one : all) one.far_score[9].reset();
  const PrimaryDip dip = primary_claim(all, std::vector<int>{10}, 26, {}).dip;
  EXPECT_EQ(dip.first_block, 4);
  EXPECT_EQ(dip.score_median[12], 0.2F);
  EXPECT_NEAR(*dip.score_p05[12], 0.11, 1e-6);
  EXPECT_NEAR(*dip.score_p95[12], 0.47, 1e-6);
  EXPECT_TRUE(dip.score_median[7]);
  EXPECT_FALSE(dip.score_median[9]);
  EXPECT_FALSE(dip.score_median[0]);
}

}  // namespace
}  // namespace sinkscope
