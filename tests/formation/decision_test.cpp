// Telling sinks from like tokens by what other sequences show.
#include "formation/decision.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/index.h"
#include "base/statistics/random.h"

namespace sinkscope {
namespace {

constexpr std::size_t kSetWidth = 5, kSetMembers = 4;

// Noise, and `apart` in channel 1 of the sink.
DecisionSet noisy_set(int sequence, float apart, RandomStream& random) {
  DecisionSet set{sequence, Matrix<float>(kSetMembers, kSetWidth)};
  for (std::size_t i = 0; i < kSetMembers * kSetWidth; ++i) set.members.data()[i] = static_cast<float>(random.normal());
  set.members(0, 1) += apart;
  return set;
}

// The definition, read slowly.
double slow_auc(const std::vector<DecisionSet>& sets) {
  double won = 0, pairs = 0;
  for (const DecisionSet& held : sets) {
    std::vector<double> weight(kSetWidth);
    for (std::size_t c = 0; c < kSetWidth; ++c) {
      std::vector<double> sinks, controls, all;
      for (const DecisionSet& other : sets) {
        if (other.sequence == held.sequence) continue;
        for (std::size_t m = 0; m < other.members.rows(); ++m) {
          const auto x = static_cast<double>(other.members(m, c));
          (m == 0 ? sinks : controls).push_back(x);
          all.push_back(x);
        }
      }
      const auto mean = [](const std::vector<double>& values) {
        double sum = 0;
        for (const double x : values) sum += x;
        return sum / static_cast<double>(values.size());
      };
      double variance = 0;
      for (const double x : all) variance += (x - mean(all)) * (x - mean(all)) / static_cast<double>(all.size());
      weight[c] = (mean(sinks) - mean(controls)) / variance;
    }
    const auto score = [&](std::size_t m) {
      double sum = 0;
      for (std::size_t c = 0; c < kSetWidth; ++c) sum += weight[c] * static_cast<double>(held.members(m, c));
      return sum;
    };
    for (std::size_t m = 1; m < held.members.rows(); ++m) {
      won += score(0) > score(m) ? 1 : score(0) == score(m) ? 0.5 : 0;
      pairs += 1;
    }
  }
  return won / pairs;
}

TEST(Decision, IsTheDefinition) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed, 0);
    std::vector<DecisionSet> sets;
    for (int i = 0; i < 9; ++i) sets.push_back(noisy_set(i % 4, 1, random));
    EXPECT_NEAR(*discriminate(sets, 0, 1).auc, slow_auc(sets), 1e-12);
  }
}

TEST(Decision, FindsWhatAllSequencesShare) {
  RandomStream random(1, 0);
  std::vector<DecisionSet> sets;
  for (int i = 0; i < 12; ++i) sets.push_back(noisy_set(i % 4, 20, random));
  const Discrimination found = discriminate(sets, 200, 1);
  EXPECT_EQ(found.auc, 1);
  EXPECT_NEAR(*found.null_p50, 0.5, 0.1);
  EXPECT_LT(*found.p, 0.02);
}

// What marks sinks of one sequence only is no rule.
TEST(Decision, DoesNotLearnFromTheSequenceItself) {
  std::vector<DecisionSet> sets;
  RandomStream random(2, 0);
  for (int sequence = 0; sequence < 2; ++sequence) {
    for (int i = 0; i < 6; ++i) {
      sets.push_back(noisy_set(sequence, 0, random));
      sets.back().members(0, 3) += sequence == 0 ? 20 : -20;
    }
  }
  EXPECT_EQ(discriminate(sets, 0, 1).auc, 0);  // each is judged by the other's rule, which is the opposite
}

TEST(Decision, OneSequenceSaysNothing) {
  RandomStream random(3, 0);
  const std::vector<DecisionSet> sets = {noisy_set(7, 20, random), noisy_set(7, 20, random)};
  EXPECT_FALSE(discriminate(sets, 10, 1).auc);
  EXPECT_FALSE(discriminate({}, 10, 1).auc);
}

// A channel that does not vary elsewhere has no scale there.
TEST(Decision, ConstantChannelsSayNothing) {
  RandomStream random(4, 0);
  std::vector<DecisionSet> sets;
  for (int i = 0; i < 8; ++i) {
    sets.push_back(noisy_set(i % 4, 20, random));
    for (std::size_t m = 0; m < kSetMembers; ++m) sets.back().members(m, 0) = 3;
  }
  EXPECT_EQ(discriminate(sets, 0, 1).auc, 1);
}

// With nothing to find, p is at most 0.05 in about one twentieth of the draws.
TEST(Decision, ExchangedLabelsAreRarelyFound) {
  int found = 0;
  for (std::uint64_t draw = 0; draw < 200; ++draw) {
    RandomStream random(5, draw);
    std::vector<DecisionSet> sets;
    for (int i = 0; i < 12; ++i) sets.push_back(noisy_set(i % 4, 0, random));
    if (*discriminate(sets, 99, draw).p <= 0.05) ++found;
  }
  EXPECT_LE(found, 20);  // binomial of 200 at 0.05: more in 0.1 % of the cases
  EXPECT_GE(found, 2);
}

}  // namespace
}  // namespace sinkscope
