// Effects on the primary from single heads and queries, against softmax taken anew.
#include "impact/block_effect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

// Logits of one head and query: the primary, two removed keys, and others.
using Logits = std::vector<double>;

struct Softmax {
  double a, m, log_z, x;
};
Softmax softmax_of(const Logits& logits, bool hidden) {
  double z = 0;
  for (std::size_t k = 0; k < logits.size(); ++k) z += hidden && (k == 1 || k == 2) ? 0 : std::exp(logits[k]);
  const double m = hidden ? 0 : (std::exp(logits[1]) + std::exp(logits[2])) / z;
  return {std::exp(logits[0]) / z, m, std::log(z), logits[0]};
}

// [n_heads][n_queries]
using AllLogits = std::vector<std::vector<Logits>>;
AllLogits random_logits(int n_heads, int n_queries, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 1.5);
  AllLogits all(n_heads, std::vector<Logits>(n_queries, Logits(9)));
  for (auto& head : all)
    for (auto& query : head)
      for (double& logit : query) logit = normal(random);
  return all;
}

BlockRecord record_of(const AllLogits& logits, bool hidden) {
  BlockRecord record;
  record.n_heads = static_cast<int>(logits.size());
  record.groups.resize(1);
  for (std::size_t q = 0; q < logits.front().size(); ++q) {
    record.queries.push_back(100 + static_cast<int>(q));
    for (const auto& head : logits) {
      const Softmax s = softmax_of(head[q], hidden);
      record.log_z.push_back(static_cast<float>(s.log_z));
      record.primary.push_back(static_cast<float>(s.a));
      record.groups[0].push_back(static_cast<float>(s.m));
    }
  }
  return record;
}

TEST(BlockEffect, HiddenKeysGiveTheirShareAndNothingElse) {
  const AllLogits logits = random_logits(3, 80, 1);
  const BlockEffect effect = block_effect(record_of(logits, false), 0, record_of(logits, true));
  double score = 0, competition = 0, mass = 0;
  for (const auto& head : logits)
    for (const Logits& query : head) {
      const Softmax before = softmax_of(query, false), after = softmax_of(query, true);
      score += (after.a - before.a) / 240;
      competition += -std::log(1 - before.m) / 240;
      mass += before.m / 240;
    }
  // Records are float32: 1e-7 of a logit of some units.
  EXPECT_NEAR(effect.score, score, 1e-6);
  EXPECT_NEAR(effect.removed_mass, -mass, 1e-6);
  EXPECT_NEAR(effect.logs->competition, competition, 1e-6);
  EXPECT_NEAR(effect.logs->log_a, competition, 2e-6) << "only the normaliser lost what the removed keys had";
  EXPECT_NEAR(effect.logs->own_logit, 0, 2e-6);
  EXPECT_NEAR(effect.logs->other_keys, 0, 2e-6);
  EXPECT_NEAR(effect.logs->log_odds, 0, 2e-6);
  EXPECT_NEAR(effect.logs->competition_score, score, 1e-6) << "renormalising is all of it";
  EXPECT_EQ(effect.left_out, 0);
}

TEST(BlockEffect, AgreesWithSoftmaxTakenAnew) {
  const AllLogits before = random_logits(4, 70, 2);
  AllLogits after = before;
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0.2, 0.5);
  for (auto& head : after)
    for (auto& query : head)
      for (double& logit : query) logit += normal(random);
  const BlockEffect effect = block_effect(record_of(before, false), 0, record_of(after, true));
  double own = 0, competition = 0, other = 0, log_a = 0, log_odds = 0, competition_score = 0;
  for (std::size_t h = 0; h < 4; ++h) {
    double of_head = 0;
    for (std::size_t q = 0; q < 70; ++q) {
      const Softmax was = softmax_of(before[h][q], false), is = softmax_of(after[h][q], true);
      own += (is.x - was.x) / 280;
      competition += (std::log(1 - is.m) - std::log(1 - was.m)) / 280;
      other -= (is.log_z + std::log(1 - is.m) - was.log_z - std::log(1 - was.m)) / 280;
      log_a += (std::log(is.a) - std::log(was.a)) / 280;
      log_odds += (std::log(is.a / (1 - is.a - is.m)) - std::log(was.a / (1 - was.a - was.m))) / 280;
      competition_score += (was.a * (1 - is.m) / (1 - was.m) - was.a) / 280;
      of_head += (is.a - was.a) / 70;
    }
    EXPECT_NEAR(effect.score_by_head[h], of_head, 1e-6);
  }
  EXPECT_NEAR(effect.logs->own_logit, own, 3e-6);
  EXPECT_NEAR(effect.logs->competition, competition, 3e-6);
  EXPECT_NEAR(effect.logs->other_keys, other, 3e-6);
  EXPECT_NEAR(effect.logs->log_a, log_a, 3e-6);
  EXPECT_NEAR(effect.logs->log_odds, log_odds, 3e-6);
  EXPECT_NEAR(effect.logs->competition_score, competition_score, 3e-6);
  EXPECT_NEAR(effect.logs->own_logit + effect.logs->competition + effect.logs->other_keys, effect.logs->log_a, 1e-9);
}

TEST(BlockEffect, AShiftOfAllLogitsIsNoEffectOnTheOdds) {
  const AllLogits before = random_logits(2, 64, 4);
  AllLogits after = before;
  for (auto& head : after)
    for (auto& query : head)
      for (double& logit : query) logit += 3;
  const BlockEffect effect = block_effect(record_of(before, false), 0, record_of(after, false));
  EXPECT_NEAR(effect.logs->log_odds, 0, 1e-5);
  EXPECT_NEAR(effect.logs->own_logit, 3, 1e-5) << "what a logit's zero is shows here";
  EXPECT_NEAR(effect.logs->other_keys, -3, 1e-5);
}

TEST(BlockEffect, LeavesOutPairsThatSayNothingByLogs) {
  BlockRecord before;
  before.n_heads = 2;
  before.queries = {5};
  before.log_z = {1, 1};
  before.primary = {0.5F, 0.00001F};
  before.groups = {{0.1F, 0.99995F}};
  BlockRecord after = before;
  after.primary = {0.6F, 0.7F};
  after.groups = {{0, 0}};
  const BlockEffect effect = block_effect(before, 0, after);
  EXPECT_EQ(effect.left_out, 1);
  EXPECT_NEAR(effect.score, (0.1 + 0.69999) / 2, 1e-6) << "the score takes all pairs";
  EXPECT_NEAR(effect.logs->log_a, std::log(0.6 / 0.5), 1e-6);
  EXPECT_EQ(effect.n_primary_heads, 2) << "0.1 or more before or after";

  before.primary = {0.5F, 0.6F};
  before.groups = {{0.1F, 0.39995F}};
  EXPECT_EQ(block_effect(before, 0, after).left_out, 1) << "nothing is left beside the two";
  EXPECT_NEAR(*primary_figures(before, 0).log_a, std::log(0.5), 1e-6);
  EXPECT_NEAR(primary_figures(before, 0).score, 0.55, 1e-6) << "the score takes all pairs";
  before.primary = {0.5F, 0.00001F};

  after.primary = {0, 0};
  const BlockEffect gone = block_effect(before, 0, after);
  EXPECT_EQ(gone.left_out, 2);
  EXPECT_FALSE(gone.logs);
  EXPECT_EQ(gone.n_primary_heads, 1);
  EXPECT_FALSE(gone.primary_heads);
  EXPECT_NEAR(*gone.primary_heads_score, -0.5, 1e-6);
}

TEST(BlockEffect, BaseFiguresAreMeansOverPairs) {
  const AllLogits logits = random_logits(2, 64, 6);
  const PrimaryFigures figures = primary_figures(record_of(logits, false), 0);
  double score = 0, logit = 0, log_odds = 0, mass = 0;
  for (const auto& head : logits)
    for (const Logits& query : head) {
      const Softmax s = softmax_of(query, false);
      score += s.a / 128;
      mass += s.m / 128;
      logit += s.x / 128;
      log_odds += std::log(s.a / (1 - s.a - s.m)) / 128;
    }
  EXPECT_NEAR(figures.score, score, 1e-6);
  EXPECT_NEAR(figures.removed_mass, mass, 1e-6);
  EXPECT_NEAR(*figures.logit, logit, 2e-6);
  EXPECT_NEAR(*figures.log_odds, log_odds, 3e-6);
  EXPECT_NEAR(*figures.log_a + *figures.log_z, *figures.logit, 1e-9);
}

TEST(BlockEffect, RefusesRunsOfOtherQueries) {
  const BlockRecord a = record_of(random_logits(2, 64, 1), false), b = record_of(random_logits(2, 65, 1), false);
  expect_error(ErrorCode::kInternal, "same heads and queries", [&] { block_effect(a, 0, b); });
}

}  // namespace
}  // namespace sinkscope
