// The search for levels against a slow twin: every start from one cell or two, fitted in full.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "levels/level_search.h"

namespace sinkscope {
namespace {

constexpr int kDeep = 24;
constexpr Separation kApart{3, 21};

LevelMixture mixture_of(std::vector<LevelComponent> components) {
  LevelMixture mixture;
  mixture.components = std::move(components);
  const double rest = 1 - 0.4 * static_cast<double>(mixture.components.size());
  for (LevelComponent& component : mixture.components) component.weight = 0.4;
  mixture.hazard_weight = mixture.even_weight = rest / 2;
  return mixture;
}

LevelComponent at(const LayerCell& cell, std::size_t jitter) { return {cell.l_start, cell.l_end, jitter, jitter, 0}; }

// The best criterion of none, one or two levels, each large enough, from every start.
double best_by_trying_all(const std::vector<LayerCell>& cells, double min_sinks) {
  double n_sinks = 0;
  for (const LayerCell& cell : cells) n_sinks += cell.weight;
  double best = std::numeric_limits<double>::infinity();
  const auto try_from = [&](std::vector<LevelComponent> components) {
    LevelMixture mixture = mixture_of(std::move(components));
    fit(mixture, cells, kDeep, kApart);
    if (std::ranges::all_of(mixture.components, [&](const LevelComponent& component) {
          return component.weight * n_sinks >= min_sinks - 0.5;
        })) {
      best = std::min(best, bayes_criterion(mixture, cells));
    }
  };
  try_from({});
  for (const std::size_t jitter : {1U, 4U}) {
    for (const LayerCell& a : cells) {
      try_from({at(a, jitter)});
      for (const LayerCell& b : cells) {
        if (kApart.apart(at(a, jitter), at(b, jitter))) try_from({at(a, jitter), at(b, jitter)});
      }
    }
  }
  return best;
}

std::vector<LayerCell> drawn(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::map<std::tuple<int, int, bool>, double> cells;
  const auto add = [&](int l_start, int l_end) {
    const bool censored = l_end >= kApart.horizon;
    ++cells[{l_start, std::min(l_end, kDeep - 1), censored}];
  };
  for (int level = below(3); level > 0; --level) {
    const int l_start = 2 + below(12), l_end = l_start + 2 + below(8), spread = 1 + below(3);
    for (int n = 8 + below(20); n > 0; --n) add(l_start + below(spread), l_end + below(spread));
  }
  for (int n = 2 + below(6); n > 0; --n) {
    const int l_start = below(15);
    add(l_start, l_start + below(8));
  }
  std::vector<LayerCell> all;
  for (const auto& [key, weight] : cells) {
    const auto [l_start, l_end, censored] = key;
    all.push_back({l_start, l_end, censored, weight});
  }
  return all;
}

// The search tries a few starts only; it may miss the best of all, seldom and by little.
TEST(Search, IsSeldomWorseThanTryingAll) {
  int worse = 0, with_levels = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const std::vector<LayerCell> cells = drawn(seed);
    LevelMixture found = search_levels(cells, kDeep, {kApart, 12, 3});
    with_levels += !found.components.empty();
    const double missed = bayes_criterion(found, cells) - best_by_trying_all(cells, 3);
    EXPECT_LT(missed, 8) << "seed " << seed;
    worse += missed > 0.5;
  }
  EXPECT_LE(worse, 2) << "of 40";
  EXPECT_GE(with_levels, 20);
}

// Four neighbouring starts, the inner ones commoner, are one level, though the fit begins with two.
TEST(Mixture, LevelsThatLieTooCloseBecomeOne) {
  const std::vector<LayerCell> cells = {
      {9, 15, false, 10}, {10, 15, false, 40}, {11, 15, false, 40}, {12, 15, false, 10}};
  LevelMixture mixture = mixture_of({{9, 15, 3, 1, 0}, {12, 15, 3, 1, 0}});
  fit(mixture, cells, kDeep, kApart);
  ASSERT_EQ(mixture.components.size(), 1U);
  EXPECT_NEAR(mixture.components[0].l_start, 10.5, 0.6);
  EXPECT_EQ(mixture.components[0].l_end, 15);
}

// Levels just as far apart as they must be are one where the mixture is as likely with centres nearer to each other.
TEST(Mixture, LevelsThatMayAsWellLieNearerBecomeOne) {
  for (const std::vector<LayerCell>& cells :
       {std::vector<LayerCell>{{9, 15, false, 10}, {10, 15, false, 10}, {11, 15, false, 10}, {13, 15, false, 20}},
        std::vector<LayerCell>{{9, 15, false, 30}, {10, 15, false, 10}, {11, 15, false, 20}, {13, 15, false, 20}},
        std::vector<LayerCell>{{9, 15, false, 10}, {11, 15, false, 30}, {12, 15, false, 30}},
        std::vector<LayerCell>{{10, 15, false, 20}, {12, 15, false, 10}}}) {
    LevelMixture mixture = mixture_of({{9, 15, 3, 1, 0}, {12, 15, 3, 1, 0}});
    fit(mixture, cells, kDeep, kApart);
    ASSERT_EQ(mixture.components.size(), 1U);
    EXPECT_EQ(mixture.components[0].l_start, 11);
    EXPECT_EQ(mixture.components[0].start_jitter, cells.size() == 4 ? 4U : 3U);
    EXPECT_NEAR(mixture.components[0].weight, 1, 1e-3);
  }
}

TEST(Mixture, LevelsThatLieApartStayTwo) {
  for (const LayerCell& other : {LayerCell{13, 15, false, 30}, LayerCell{10, 18, false, 30}}) {
    const std::vector<LayerCell> cells = {{10, 15, false, 30}, other};
    LevelMixture mixture = mixture_of({at(cells[0], 1), at(cells[1], 1)});
    fit(mixture, cells, kDeep, kApart);
    ASSERT_EQ(mixture.components.size(), 2U);
    EXPECT_EQ(mixture.components[0].l_start, 10);
    EXPECT_EQ(mixture.components[1].l_end, other.l_end);
    EXPECT_NEAR(mixture.components[0].weight, 0.5, 0.05);
  }
}

// A wide level that is two narrow ones, between which no third would fit.
TEST(Search, SplitsWhatIsTwoLevels) {
  const std::vector<LayerCell> cells = {{8, 12, false, 40}, {8, 16, false, 40}, {15, 17, false, 1}};
  LevelMixture found = search_levels(cells, kDeep, {kApart, 12, 3});
  ASSERT_EQ(found.components.size(), 2U);
  std::ranges::sort(found.components, {}, &LevelComponent::l_end);
  EXPECT_EQ(found.components[0].l_end, 12);
  EXPECT_EQ(found.components[1].l_end, 16);
}

std::size_t n_found(const std::vector<LayerCell>& cells, int most_levels, double min_sinks) {
  return search_levels(cells, kDeep, {kApart, most_levels, min_sinks}).components.size();
}

// Three that lie far apart, and three that are found at once, in place of a wide one.
TEST(Search, FindsAsManyLevelsAsItMay) {
  for (const std::vector<LayerCell>& cells :
       {std::vector<LayerCell>{{3, 5, false, 40}, {10, 15, false, 40}, {16, 19, false, 40}},
        std::vector<LayerCell>{{8, 12, false, 40}, {8, 15, false, 40}, {11, 15, false, 40}}}) {
    EXPECT_EQ(n_found(cells, 12, 3), 3U);
    EXPECT_EQ(n_found(cells, 3, 3), 3U);
    EXPECT_EQ(n_found(cells, 2, 3), 2U);
    EXPECT_EQ(n_found(cells, 1, 3), 1U);
    EXPECT_EQ(n_found(cells, 0, 3), 0U);
  }
}

// Of two levels one has five sinks: 5 x their weight is a little less, or a little more by what noise leaves.
TEST(Search, LevelsHaveAsManySinksAsTheyMust) {
  const std::vector<LayerCell> cells = {{3, 5, false, 60}, {12, 17, false, 5}};
  EXPECT_EQ(n_found(cells, 12, 5), 2U);
  EXPECT_EQ(n_found(cells, 12, 6), 1U);
  EXPECT_EQ(n_found(cells, 12, 60), 1U);
  EXPECT_EQ(n_found(cells, 12, 61), 0U);
  EXPECT_EQ(n_found({}, 12, 3), 0U);
}

// The centre and the width of each, and what is left for noise: one of 101.
TEST(Search, SaysWhereLevelsLie) {
  const std::vector<LayerCell> cells = {{3, 5, false, 40},  {10, 14, false, 10}, {10, 15, false, 20},
                                        {10, 16, false, 10}, {9, 15, false, 10}, {11, 15, false, 10},
                                        {2, 20, false, 1}};
  LevelMixture found = search_levels(cells, kDeep, {kApart, 12, 3});
  std::ranges::sort(found.components, {}, &LevelComponent::l_start);
  ASSERT_EQ(found.components.size(), 2U);
  EXPECT_EQ(found.components[0].l_start, 3);
  EXPECT_EQ(found.components[0].l_end, 5);
  EXPECT_EQ(found.components[0].start_jitter, 0U);
  EXPECT_EQ(found.components[0].end_jitter, 0U);
  EXPECT_NEAR(found.components[0].weight, 40.0 / 101, 0.01);
  EXPECT_EQ(found.components[1].l_start, 10);
  EXPECT_EQ(found.components[1].l_end, 15);
  // 10, 40 and 10 of 60, a variance of a third: the bell of 0.5 has one of 0.24, that of 0.75 one of 0.56.
  EXPECT_EQ(found.components[1].start_jitter, 1U);
  EXPECT_EQ(found.components[1].end_jitter, 1U);
  EXPECT_NEAR(found.components[1].weight, 60.0 / 101, 0.01);
  EXPECT_NEAR(found.hazard_weight + found.even_weight, 1.0 / 101, 0.005);
}

}  // namespace
}  // namespace sinkscope
