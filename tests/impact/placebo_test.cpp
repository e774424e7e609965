#include "impact/placebo.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace sinkscope {
namespace {

TEST(Placebo, DrawsNearbyTokensOnceAndNoNeighbours) {
  std::vector<std::uint8_t> ordinary(300, 1);
  for (int t = 0; t < 8; ++t) ordinary[t] = 0;
  ordinary[104] = 0;
  const std::vector<RemovedToken> removed = {{100, 4, 9, {}}, {103, 3, 8, {}}, {250, 4, 9, {}}};
  const Placebo placebo = draw_placebo(ordinary, removed, 5, 1, 7);
  ASSERT_EQ(placebo.draws.size(), 5U);
  std::set<int> seen;
  for (const std::vector<RemovedToken>& draw : placebo.draws) {
    ASSERT_EQ(draw.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(seen.insert(draw[i].position).second) << "twice: " << draw[i].position;
      EXPECT_TRUE(ordinary[draw[i].position]);
      for (const RemovedToken& token : removed) EXPECT_GT(std::abs(token.position - draw[i].position), 1);
      EXPECT_EQ(draw[i].l_start, removed[i].l_start);
      EXPECT_EQ(draw[i].l_end, removed[i].l_end);
    }
    EXPECT_LE(std::abs(draw[2].position - 250), 6) << "of the ten nearest, the removed token's neighbours apart";
  }
  EXPECT_LE(placebo.max_distance, 20);
  EXPECT_EQ(draw_placebo(ordinary, removed, 5, 1, 7).draws[3][1].position, placebo.draws[3][1].position);
  std::set<int> other;
  for (const auto& draw : draw_placebo(ordinary, removed, 5, 2, 7).draws)
    for (const RemovedToken& token : draw) other.insert(token.position);
  EXPECT_NE(seen, other) << "by the seed";
}

TEST(Placebo, DrawsFromTwiceAsManyNearestTokensAsThereAreDraws) {
  const std::vector<std::uint8_t> ordinary(40, 1), few(5, 1);
  const auto drawn = [](const std::vector<std::uint8_t>& from, int removed) {
    std::set<int> positions;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      const Placebo placebo = draw_placebo(from, std::vector<RemovedToken>{{removed, 1, 2, {}}}, 1, seed, 1);
      positions.insert(placebo.draws.at(0).at(0).position);
      EXPECT_EQ(placebo.max_distance, std::abs(placebo.draws[0][0].position - removed));
    }
    return positions;
  };
  EXPECT_EQ(drawn(ordinary, 20), (std::set<int>{18, 22}));
  EXPECT_EQ(drawn(few, 0), (std::set<int>{2, 3}));
  EXPECT_EQ(drawn(few, 4), (std::set<int>{1, 2}));
}

TEST(Placebo, MakesFewerDrawsWhereTokensAreFew) {
  std::vector<std::uint8_t> ordinary(40, 0);
  for (const int t : {10, 12, 30}) ordinary[t] = 1;
  const Placebo one = draw_placebo(ordinary, std::vector<RemovedToken>{{20, 1, 2, {}}, {22, 1, 2, {}}}, 5, 1, 1);
  EXPECT_TRUE(one.draws.empty()) << "the first takes all three";
  EXPECT_EQ(one.n_wanted, 5);
  const Placebo all = draw_placebo(ordinary, std::vector<RemovedToken>{{20, 1, 2, {}}}, 5, 1, 1);
  EXPECT_EQ(all.draws.size(), 3U);
  EXPECT_EQ(all.max_distance, 10);
  EXPECT_TRUE(draw_placebo(ordinary, {}, 5, 1, 1).draws.empty());
}

}  // namespace
}  // namespace sinkscope
