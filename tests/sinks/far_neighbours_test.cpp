#include "sinks/far_neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "constructed.h"
#include "sinks/attention_evidence.h"
#include "sinks/detection.h"

namespace sinkscope {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

double middle(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

// The same, slowly: `ordinary` maps positions to far boosts.
std::optional<FarStanding> slow_standing(const std::map<std::size_t, double>& ordinary, std::size_t key, double boost) {
  std::vector<double> before, after;  // the nearest first
  for (const auto& [position, of_it] : ordinary) {
    if (position < key) before.insert(before.begin(), std::log(of_it));
    if (position > key) after.push_back(std::log(of_it));
  }
  if (before.size() + after.size() < 32) return std::nullopt;
  const std::size_t room_before = 64 - std::min<std::size_t>(32, after.size());
  const std::size_t room_after = 64 - std::min<std::size_t>(32, before.size());
  before.resize(std::min(before.size(), room_before));
  after.resize(std::min(after.size(), room_after));
  std::vector<double> near = before;
  near.insert(near.end(), after.begin(), after.end());
  const double centre = middle(near);
  for (double& value : near) value = std::abs(value - centre);
  const double spread = std::max(0.1, 1.4826 * middle(near));
  return FarStanding{static_cast<float>((std::log(boost) - centre) / spread), static_cast<float>(spread)};
}

TEST(FarNeighbours, AreWhatASlowSearchFinds) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 0.7);
  for (const std::size_t n_tokens : {40U, 45U, 60U, 90U, 300U}) {
    std::map<std::size_t, double> ordinary;
    FarNeighbours neighbours;
    for (std::size_t key = 8; key < n_tokens; ++key) {
      if (random() % 8 == 0) continue;
      ordinary[key] = std::exp(normal(random));
      neighbours.add(key, static_cast<float>(ordinary[key]));
    }
    for (std::size_t key = 0; key < n_tokens; ++key) {
      const double boost = ordinary.contains(key) ? ordinary[key] : std::exp(normal(random));
      const auto fast = neighbours.standing_of(key, static_cast<float>(boost));
      const auto slow = slow_standing(ordinary, key, boost);
      ASSERT_EQ(fast.has_value(), slow.has_value()) << key << " of " << n_tokens;
      if (!fast) continue;
      EXPECT_NEAR(fast->z, slow->z, 1e-4) << key << " of " << n_tokens;
      EXPECT_NEAR(fast->spread, slow->spread, 1e-5) << key << " of " << n_tokens;
    }
  }
}

TEST(FarNeighbours, SayNothingOfEvenAttentionWhateverThePlaceAndTheLength) {
  for (const std::size_t n_tokens : {100U, 1000U, 10'000U}) {
    FarNeighbours neighbours;
    for (std::size_t key = 8; key < n_tokens; ++key) neighbours.add(key, 1);
    for (std::size_t key = 0; key < n_tokens; key += 7) {
      EXPECT_EQ(neighbours.standing_of(key, 1)->z, 0);
      EXPECT_NEAR(neighbours.standing_of(key, 2)->z, std::log(2.0) / 0.1, 1e-4) << "a spread of 0 is no infinity";
      EXPECT_TRUE(std::isfinite(neighbours.standing_of(key, 0)->z));
    }
  }
}

TEST(FarNeighbours, KnowNothingOfTheScale) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.5F);
  std::vector<float> boosts(200);
  for (float& boost : boosts) boost = std::exp(normal(random));
  for (const float scale : {0.01F, 30.0F}) {
    FarNeighbours plain, scaled;
    for (std::size_t key = 0; key < boosts.size(); ++key) {
      plain.add(key, boosts[key]);
      scaled.add(key, scale * boosts[key]);
    }
    for (std::size_t key = 0; key < boosts.size(); ++key) {
      EXPECT_NEAR(plain.standing_of(key, boosts[key])->z, scaled.standing_of(key, scale * boosts[key])->z, 1e-4);
    }
  }
}

TEST(FarNeighbours, AreAtLeastThirtyTwo) {
  FarNeighbours neighbours;
  for (std::size_t key = 0; key < 32; ++key) neighbours.add(key, 1);
  EXPECT_TRUE(neighbours.standing_of(40, 1));
  EXPECT_FALSE(neighbours.standing_of(5, 1)) << "itself is none of them";
  EXPECT_FALSE(FarNeighbours().standing_of(5, 1));
}

// Ordinary tokens as real texts have them: in their last tenths far boosts grow tenfold, and a token that draws more in
// one block does in the next.
TEST(FarNeighbours, HardlyAnyOrdinaryTokenStandsOut) {
  const Thresholds thresholds;
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  for (const std::size_t n_tokens : {1000U, 4000U, 16'000U}) {
    std::array<int, 10> all{}, by_boost{}, by_both{};
    for (std::size_t text = 0; text < 16'000 / n_tokens; ++text) {
      const auto n = static_cast<double>(n_tokens);
      std::vector<std::array<float, 2>> boosts(n_tokens);
      std::array<FarNeighbours, 2> blocks;
      for (std::size_t key = 0; key < n_tokens; ++key) {
        const double grown = 0.3 * (1 + 15 * std::pow(static_cast<double>(key) / n, 4) * std::sqrt(n / 1000));
        const double own = normal(random);
        for (std::size_t block = 0; block < 2; ++block) {
          boosts[key][block] = static_cast<float>(grown * std::exp(0.5 * (0.9 * own + 0.44 * normal(random))));
          blocks[block].add(key, boosts[key][block]);
        }
      }
      for (std::size_t key = 0; key < n_tokens; ++key) {
        const auto boosted = [&](std::size_t block) { return boosts[key][block] >= thresholds.min_far_boost; };
        const auto stands_out = [&](std::size_t block) {
          return blocks[block].standing_of(key, boosts[key][block])->z >= thresholds.min_far_z;
        };
        const std::size_t tenth = key * 10 / n_tokens;
        ++all[tenth];
        by_boost[tenth] += boosted(0) && boosted(1);
        by_both[tenth] += boosted(0) && boosted(1) && stands_out(0) && stands_out(1);
      }
    }
    EXPECT_GT(by_boost[9], 0.1 * all[9]) << "by their boosts alone many would";
    for (std::size_t tenth = 0; tenth < 10; ++tenth) {
      EXPECT_LT(by_both[tenth], 0.01 * all[tenth]) << "tenth " << tenth << " of " << n_tokens << " tokens";
    }
  }
}

Detection judge(TokenProfile token, const Thresholds& thresholds = {}) {
  SequenceFigures figures = one_primary();
  figures.tokens.push_back(std::move(token));
  return detect_by_evidence(figures, thresholds);
}

TEST(EvidenceRule, AsksFarZInTheSameBlocks) {
  const float enough = Thresholds().min_far_z, little = 0.75F * enough;
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 6, 12);
  set(token.far_z, 5, 7, enough);
  const auto passed = judge(token).runs.at(0);
  EXPECT_EQ(passed.verdict, Verdict::kSink);
  EXPECT_EQ(passed.far_z_median, enough);
  EXPECT_NEAR(*passed.margins.far_boost, 12.0 / 5 - 1, 1e-6);
  EXPECT_EQ(passed.margins.far_z, 0);
  EXPECT_EQ(passed.margins.attention, 0);

  set(token.far_z, 5, 7, little);
  const auto missed = judge(token).runs.at(0);
  EXPECT_EQ(missed.verdict, Verdict::kAlignedOnly) << "ordinary tokens beside it draw as much";
  EXPECT_NEAR(*missed.margins.attention, -0.25, 1e-6);
  EXPECT_NEAR(*missed.margin, -0.25, 1e-6);
  Thresholds any;
  any.min_far_z = 0;
  const auto unasked = judge(token, any).runs.at(0);
  EXPECT_EQ(unasked.verdict, Verdict::kSink);
  EXPECT_FALSE(unasked.margins.far_z);
  EXPECT_EQ(unasked.margins.attention, unasked.margins.far_boost);

  // Boosts of blocks 5 and 6, z of blocks 7 and 8: each has two of four, and no block has both.
  TokenProfile apart = ordinary_token(500);
  make_aligned(apart, 4, 7, 1);
  set(apart.far_boost, 5, 6, 50);
  set(apart.far_z, 5, 6, 0);
  set(apart.far_z, 7, 8, 50);
  const auto torn = judge(apart).runs.at(0);
  EXPECT_GT(*torn.margins.far_boost, 0);
  EXPECT_GT(*torn.margins.far_z, 0);
  EXPECT_LT(*torn.margins.attention, 0);
  EXPECT_EQ(torn.verdict, Verdict::kAlignedOnly);
}

TEST(EvidenceRule, JudgesByFarBoostWhereFarZIsNotMeasured) {
  TokenProfile token = ordinary_token(500);
  make_aligned(token, 4, 6, 12);
  set(token.far_z, 5, 5, 0);  // one of three blocks
  const auto run = judge(token).runs.at(0);
  EXPECT_EQ(run.verdict, Verdict::kSink);
  EXPECT_NEAR(*run.margins.attention, 12.0 / 5 - 1, 1e-6);
}

TEST(EvidenceRule, AsksFarZOfUnalignedSinksAndOfThePrimary) {
  const float strict = Thresholds().unaligned_far_z;
  TokenProfile token = ordinary_token(500);
  set(token.far_boost, 5, 6, 16);
  set(token.norm_ratio, 4, 5, 1.5F);
  set(token.far_z, 0, kLayers - 1, strict);
  ASSERT_THAT(judge(token).runs, SizeIs(1));
  EXPECT_NEAR(*judge(token).runs[0].margins.far_boost, 1, 1e-6);
  EXPECT_EQ(judge(token).runs[0].margins.far_z, 0);
  EXPECT_EQ(judge(token).runs[0].margin, 0);
  set(token.far_z, 6, 6, 0.99F * strict);
  EXPECT_THAT(judge(token).runs, IsEmpty());

  const float enough = Thresholds().min_far_z;
  SequenceFigures figures = one_primary();
  set(figures.first_positions[0].far_z, 0, kLayers - 1, 0.99F * enough);
  EXPECT_THAT(detect_by_evidence(figures, {}).no_primary_reason, HasSubstr("far z"));
  set(figures.first_positions[0].far_z, 6, 6, enough);
  EXPECT_TRUE(detect_by_evidence(figures, {}).primary);
}

TEST(JointAttention, StandsAmongTheNeighboursOfItsMembers) {
  SequenceFigures figures = one_primary();
  std::vector<TokenProfile> tokens;
  std::vector<const TokenProfile*> members;
  for (int i = 0; i < 3; ++i) {
    TokenProfile token = ordinary_token(100 + i);
    const float typical = 0.2F * static_cast<float>(i + 1), spread = 0.3F + 0.1F * static_cast<float>(i);
    set(token.far_boost, 5, 5, 4);
    set(token.far_attention, 5, 5, 4);
    set(token.far_spread, 5, 5, spread);
    set(token.far_z, 5, 5, std::log(4 / typical) / spread);
    tokens.push_back(token);
  }
  for (const TokenProfile& token : tokens) members.push_back(&token);
  const JointAttention joint = joint_attention(figures, members);
  EXPECT_NEAR(*joint.z[5], std::log(4 / 0.4) / 0.4, 1e-4) << "the medians: typical 0.4, spread 0.4";
  EXPECT_FALSE(joint.z[4]) << "not measured of any";
  members.resize(1);
  EXPECT_EQ(joint_attention(figures, members).z, tokens[0].far_z);
}

}  // namespace
}  // namespace sinkscope
