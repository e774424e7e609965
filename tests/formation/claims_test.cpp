// Claims from cases that were made up, so that the answer is known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/index.h"
#include "base/statistics/random.h"
#include "formation/formation_claim.h"
#include "formation/norm_claim.h"

namespace sinkscope {
namespace {

ExplainOptions quick() {
  ExplainOptions options;
  options.n_permutations = 999;
  options.n_bootstraps = 500;
  return options;
}

constexpr std::size_t kClaimLayers = 4;

// A sink that MLP 2 makes: there it writes `height`, its 4 controls and all else are noise of 0.1.
FormationCase formed_case(int sequence, double height, RandomStream& random) {
  FormationCase one;
  one.sequence = sequence;
  one.formed = height > 2;
  one.largest = {PartKind::kMlp, 2};
  one.share = 0.9;
  one.neuron = 17;
  one.mlp_axis.resize(kClaimLayers);
  one.control_mlp_axis = Matrix<float>(4, kClaimLayers);
  for (std::size_t l = 0; l < kClaimLayers; ++l) {
    one.mlp_axis[l] = static_cast<float>((l == 2 ? height : 0) + 0.1 * random.normal());
    for (std::size_t c = 0; c < 4; ++c) one.control_mlp_axis(c, l) = static_cast<float>(0.1 * random.normal());
  }
  return one;
}

std::vector<FormationCase> formed_cases(int n, double height) {
  RandomStream random(5, 0);
  std::vector<FormationCase> cases;
  for (int i = 0; i < n; ++i) cases.push_back(formed_case(i % 5, height, random));
  return cases;
}

TEST(FormationClaim, YesWhereMlpsMakeAndTakeAway) {
  auto cases = formed_cases(10, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    cases[i].together_removed = true;
    cases[i].single_removed = i < 1;
    cases[i].placebo_removed = false;
  }
  FormationNull null;
  null.n_pretended = 200;
  null.pretended_formed = 2;
  const FormationClaims result = formation_claims(cases, null, "secondary", quick());
  ASSERT_EQ(result.claims.size(), 3U);
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kYes);
  EXPECT_EQ(result.claims[0].effect, 1);
  EXPECT_EQ(result.claims[0].null, 0.01);
  EXPECT_EQ(result.claims[0].n_sequences, 5);
  EXPECT_EQ(result.claims[0].sentence,
            "10 of 10 made by MLPs, first of all MLP 2 (share 0.90, neuron 17); without the axis parts of their MLPs "
            "together 8 of 8 lose their attention; placebo 0 of 8");
  EXPECT_EQ(result.claims[1].verdict, ClaimVerdict::kYes);
  EXPECT_EQ(result.claims[2].verdict, ClaimVerdict::kUnclear);  // 1 of 8: 0.003 to 0.527
  ASSERT_EQ(result.layers.size(), kClaimLayers);
  EXPECT_EQ(result.layers[2].effect, "forming");
  EXPECT_NEAR(result.layers[2].mean, 8, 0.3);
  for (const std::size_t l : {0U, 1U, 3U}) EXPECT_EQ(result.layers[l].effect, "");
}

TEST(FormationClaim, NoWhereAttentionStays) {
  auto cases = formed_cases(10, 8);
  for (auto& one : cases) one.together_removed = one.single_removed = one.placebo_removed = false;
  const FormationClaims result = formation_claims(cases, {}, "secondary", quick());
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kNo);
  EXPECT_EQ(result.claims[1].verdict, ClaimVerdict::kNo);
}

TEST(FormationClaim, APlaceboThatRemovesMakesItUnclear) {
  auto cases = formed_cases(10, 8);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    cases[i].together_removed = cases[i].single_removed = true;
    cases[i].placebo_removed = i < 2;
  }
  const FormationClaims result = formation_claims(cases, {}, "secondary", quick());
  EXPECT_EQ(result.claims[1].verdict, ClaimVerdict::kUnclear);
  EXPECT_EQ(result.claims[1].null, 0.2);
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kUnclear);
}

TEST(FormationClaim, TooFewHaveNoNumber) {
  const FormationClaims result = formation_claims(formed_cases(7, 8), {}, "secondary", quick());
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kNotEnough);
  EXPECT_EQ(result.claims[0].sentence, "not enough: n = 7 sinks in 5 sequences, needs 8 in 5");
  EXPECT_FALSE(result.claims[0].effect);
  EXPECT_EQ(result.claims[1].sentence, "not enough: n = 0 edited sinks in 0 sequences, needs 6");
  EXPECT_TRUE(result.layers.empty());
}

// With nothing to find, p of a layer is at most 0.05 in about one twentieth of the draws.
TEST(FormationClaim, LayersOfOrdinaryTokensAreRarelyFound) {
  int found = 0, tried = 0;
  for (std::uint64_t draw = 0; draw < 60; ++draw) {
    RandomStream random(9, draw);
    std::vector<FormationCase> cases;
    for (int i = 0; i < 10; ++i) cases.push_back(formed_case(i, 0, random));
    for (const LayerEffect& layer : layer_effects(cases, quick())) {
      ++tried;
      found += layer.p <= 0.05 ? 1 : 0;
    }
  }
  EXPECT_EQ(tried, 240);
  EXPECT_LE(found, 24);  // binomial of 240 at 0.05: more than 23 in 0.1 % of the cases
  EXPECT_GE(found, 3);   // fewer in 0.04 %: the test is not too shy either
}

// Runs whose gap is -10 / norm ratio + 0.03, with noise, over 6 sequences.
std::vector<NormCase> norm_cases(int n, double slope, std::uint64_t seed) {
  std::vector<NormCase> cases;
  RandomStream random(seed, 0);
  for (int i = 0; i < n; ++i) {
    NormCase one;
    one.sequence = i % 6;
    one.position = 20 + static_cast<int>(random.below(2000));
    one.token = static_cast<TokenId>(i % 3);
    one.l_start = 4 + static_cast<int>(random.below(3));
    one.log_norm_ratio = std::log(3 + 40 * random.uniform());
    one.block = one.l_start + 1;
    one.gap = 0.03 - slope * std::exp(-one.log_norm_ratio) + 0.02 * random.normal();
    one.far_score = 0.1;
    cases.push_back(one);
  }
  return cases;
}

TEST(NormClaim, FindsWhatSaturates) {
  const NormClaim result = norm_claim(norm_cases(60, 10, 1), "planted", quick());
  const NormFigures& figures = result.figures;
  ASSERT_EQ(result.claims.size(), 2U);
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kYes);
  EXPECT_EQ(figures.p, 0.001);  // no draw of 999 as large
  EXPECT_GT(*figures.partial_gap, 0.95);
  EXPECT_GT(*figures.partial_gap_within_token, 0.95);
  EXPECT_NEAR(*figures.gap_at_infinity, 0.03, 0.02);
  EXPECT_NEAR(*figures.slope_inverse, -10, 0.3);
  EXPECT_GT(*figures.r2_inverse, *figures.r2_log);
  EXPECT_FALSE(figures.spearman_score);  // the score does not vary
  EXPECT_EQ(figures.blocks, (std::vector<int>{5, 6, 7}));
  EXPECT_EQ(result.claims[1].verdict, ClaimVerdict::kNotEnough);
}

// What position alone does is taken out: both follow the position, and nothing is left.
TEST(NormClaim, PositionIsNoNorm) {
  std::vector<NormCase> cases = norm_cases(60, 0, 2);
  RandomStream random(3, 0);
  for (NormCase& one : cases) {
    one.log_norm_ratio = std::log(one.position) + 0.02 * random.normal();
    one.gap = std::log(one.position) + 0.02 * random.normal();
  }
  const NormClaim result = norm_claim(cases, "planted", quick());
  EXPECT_GT(*result.figures.spearman_gap, 0.95);
  EXPECT_LT(std::abs(*result.figures.partial_gap), 0.6);
  EXPECT_NE(result.claims[0].verdict, ClaimVerdict::kYes);
}

// Norms permuted: at most 5 % at p <= 0.05, by the binomial of 200.
TEST(NormClaim, PermutedNormsAreRarelyFound) {
  int found = 0;
  for (std::uint64_t draw = 0; draw < 200; ++draw) {
    std::vector<NormCase> cases = norm_cases(30, 10, 4);
    RandomStream random(11, draw);
    std::vector<double> norms;
    for (const NormCase& one : cases) norms.push_back(one.log_norm_ratio);
    random.shuffle(std::span<double>(norms));
    for (std::size_t i = 0; i < cases.size(); ++i) cases[i].log_norm_ratio = norms[i];
    ExplainOptions options = quick();
    options.n_permutations = 199;
    options.n_bootstraps = 2;
    if (*norm_claim(cases, "permuted", options).figures.p <= 0.05) ++found;
  }
  EXPECT_LE(found, 20);  // binomial of 200 at 0.05: more in 0.1 % of the cases
  EXPECT_GE(found, 2);
}

TEST(NormClaim, LifetimesWithinOneStart) {
  std::vector<NormCase> cases = norm_cases(24, 10, 5);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    // Longer the larger the norm, in each l_start of its own length; one in four was not seen to end.
    cases[i].attention_lifetime = Lifetime{10.0 * cases[i].l_start + cases[i].log_norm_ratio, i % 4 != 0};
    if (i % 4 != 0) cases[i].beyond_dilution = i % 2 == 0 ? 0 : 3;
  }
  const NormClaim result = norm_claim(cases, "planted", quick());
  EXPECT_EQ(result.figures.lifetime.n, 24);
  EXPECT_EQ(result.figures.lifetime.ends_seen, 18);
  EXPECT_EQ(result.figures.lifetime.c, 1);
  EXPECT_EQ(result.figures.lifetime.dilution_median, 3);  // 12 of 18
  EXPECT_EQ(result.claims[1].sentence, "outlasts dilution by 3 layers");
}

// Two sequences, whose sinks start in layers of their own, so that pairs are of one sequence: in one the larger norm
// lasts longer, in the other shorter. A quarter of the draws holds one of them twice.
TEST(NormClaim, IntervalsDrawWholeSequences) {
  std::vector<NormCase> cases;
  for (int i = 0; i < 8; ++i) {
    NormCase& one = cases.emplace_back();
    one.sequence = one.l_start = i / 4;
    one.log_norm_ratio = i;
    one.attention_lifetime = Lifetime{i < 4 ? 5.0 + i : 20.0 - i, true};
  }
  const LifetimeFigures figures = norm_claim(cases, "planted", quick()).figures.lifetime;
  EXPECT_EQ(figures.c, 0.5);
  ASSERT_TRUE(figures.interval_95);
  EXPECT_EQ(figures.interval_95->low, 0);
  EXPECT_EQ(figures.interval_95->high, 1);
}

// Of two sequences one is all formed, one not at all.
TEST(FormationClaim, IntervalsDrawWholeSequences) {
  auto cases = formed_cases(8, 8);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    cases[i].sequence = i < 4 ? 3 : 4;
    cases[i].formed = i < 4;
  }
  ExplainOptions options = quick();
  options.min_sequences = 2;
  const Claim claim = formation_claims(cases, {}, "secondary", options).claims[0];
  EXPECT_EQ(claim.effect, 0.5);
  EXPECT_EQ(claim.interval_95->low, 0);
  EXPECT_EQ(claim.interval_95->high, 1);
  // A third, of as many sinks, all formed: a draw without the second sequence has p = 8 / 27.
  for (std::size_t i = 0; i < 4; ++i) {
    cases.push_back(cases[i]);
    cases.back().sequence = 5;
  }
  const Claim two_of_three = formation_claims(cases, {}, "secondary", options).claims[0];
  EXPECT_NEAR(*two_of_three.effect, 2.0 / 3, 1e-12);
  EXPECT_EQ(two_of_three.interval_95->low, 0) << "1 / 27 of the draws";
  EXPECT_EQ(two_of_three.interval_95->high, 1);
}

TEST(NormClaim, TooFewRuns) {
  const NormClaim result = norm_claim(norm_cases(19, 10, 1), "secondary", quick());
  EXPECT_EQ(result.claims[0].sentence, "not enough: n = 19 runs in 6 sequences, needs 20 in 5");
}

TEST(FormationClaim, EightSinksInFiveSequencesAreEnough) {
  auto cases = formed_cases(8, 8);
  EXPECT_EQ(formation_claims(cases, {}, "secondary", quick()).claims[0].effect, 1);
  for (FormationCase& one : cases) one.sequence %= 4;
  EXPECT_EQ(formation_claims(cases, {}, "secondary", quick()).claims[0].sentence,
            "not enough: n = 8 sinks in 4 sequences, needs 8 in 5");
}

TEST(FormationClaim, OfEditsNeedsSixAndAPlaceboThatRemovesATenthAtMost) {
  auto cases = formed_cases(10, 8);
  for (std::size_t i = 0; i < 5; ++i) cases[i].together_removed = true;
  EXPECT_EQ(formation_claims(cases, {}, "secondary", quick()).claims[1].verdict, ClaimVerdict::kNotEnough);
  for (FormationCase& one : cases) {
    one.together_removed = true;
    one.placebo_removed = false;
  }
  cases[3].placebo_removed = true;
  EXPECT_EQ(formation_claims(cases, {}, "secondary", quick()).claims[1].verdict, ClaimVerdict::kYes);
  for (std::size_t i = 6; i < 10; ++i) cases[i].together_removed.reset();
  EXPECT_EQ(formation_claims(cases, {}, "secondary", quick()).claims[1].n_sinks, 6);
}

TEST(FormationClaim, MlpsMayTakeAway) {
  const FormationClaims result = formation_claims(formed_cases(10, -8), {}, "secondary", quick());
  EXPECT_EQ(result.layers[2].effect, "removing");
  EXPECT_EQ(result.claims[0].effect, 0);
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kNo);
  EXPECT_FALSE(result.claims[0].null) << "nothing was pretended";
  // Heights under half an ordinary norm are named nothing, however sure.
  for (const LayerEffect& layer : layer_effects(formed_cases(40, 0.4), quick())) EXPECT_EQ(layer.effect, "");
}

TEST(FormationClaim, NamesWhatMakesMostSinks) {
  auto cases = formed_cases(10, 8);
  for (std::size_t i = 0; i < 4; ++i) cases[i].largest = {PartKind::kAttention, 1};
  for (std::size_t i = 4; i < 6; ++i) cases[i].neuron = 5;
  for (std::size_t i = 4; i < 10; ++i) cases[i].share = 0.5 + 0.1 * static_cast<double>(i - 4);
  const std::string sentence = formation_claims(cases, {}, "secondary", quick()).claims[0].sentence;
  EXPECT_NE(sentence.find("first of all MLP 2 (share 0.75, neuron 17 in 4 of 6) in 6 of them;"), std::string::npos)
      << sentence;
}

TEST(NormClaim, SaysNoWhereTheGapFallsWithTheNorm) {
  const NormClaim result = norm_claim(norm_cases(60, -10, 1), "planted", quick());
  EXPECT_EQ(result.claims[0].verdict, ClaimVerdict::kNo);
  EXPECT_LT(result.claims[0].interval_95->high, 0);
  EXPECT_NE(result.claims[0].sentence.find("; gap = 0.0"), std::string::npos) << result.claims[0].sentence;
  EXPECT_NE(result.claims[0].sentence.find(" + "), std::string::npos) << result.claims[0].sentence;
  EXPECT_EQ(norm_claim(norm_cases(20, 10, 1), "planted", quick()).claims[0].verdict, ClaimVerdict::kYes) << "20 runs";
}

TEST(NormClaim, AboutLifetimesIsThatTheyEndWhereTheyAreDiluted) {
  const auto claim = [](const std::vector<int>& beyond) {
    std::vector<NormCase> cases = norm_cases(static_cast<int>(beyond.size()), 10, 5);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      cases[i].attention_lifetime = Lifetime{10, true};
      cases[i].beyond_dilution = beyond[i];
    }
    return norm_claim(cases, "planted", quick()).claims.back();
  };
  const Claim half = claim({0, 1, -1, 1, 2, 2, 2, 2});
  EXPECT_EQ(half.verdict, ClaimVerdict::kYes);
  EXPECT_EQ(half.effect, 1.5);
  EXPECT_EQ(half.sentence, "outlasts dilution by 1.5 layers");
  EXPECT_EQ(half.n_sinks, 8);
  const Claim before = claim({-3, -3, -3, -3, -3, -3, 0, 0});
  EXPECT_EQ(before.verdict, ClaimVerdict::kNo);
  EXPECT_EQ(before.sentence, "ends 3 layers before it is diluted");
  EXPECT_EQ(claim({1, 1, 1, 1, 1, 1, 3, 3}).sentence, "ends within one layer of dilution in 75 %");
  EXPECT_EQ(claim({-1, -1, -1, -1, -1, -1, -1, 3}).sentence, "ends within one layer of dilution in 88 %");
  EXPECT_EQ(claim({0, 0, 0, 0, 0, 0, 0}).verdict, ClaimVerdict::kNotEnough) << "7 ends";
}

TEST(NormClaim, WithinTokensAsksForFiveOfEach) {
  std::vector<NormCase> cases = norm_cases(24, 10, 1);
  for (std::size_t i = 0; i < cases.size(); ++i) cases[i].token = static_cast<TokenId>(i / 5);  // the last has 4
  const auto within = norm_claim(cases, "planted", quick()).figures.partial_gap_within_token;
  ASSERT_TRUE(within);
  for (std::size_t i = 20; i < 24; ++i) cases[i].gap += 100;  // what is left out does not count
  EXPECT_EQ(norm_claim(cases, "planted", quick()).figures.partial_gap_within_token, within);
  for (std::size_t i = 0; i < cases.size(); ++i) cases[i].token = static_cast<TokenId>(i / 4);
  EXPECT_FALSE(norm_claim(cases, "planted", quick()).figures.partial_gap_within_token);
}

}  // namespace
}  // namespace sinkscope
