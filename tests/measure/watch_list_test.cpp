// Logit gaps and eviction costs of events that are made up, under masks that hide keys.
#include "measure/watch_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

using testing::ElementsAre;

// Queries 8 and 9 of a sequence that begins at key 20 of the pack, after another whose key 3 is watched too.
struct Event {
  std::vector<std::int32_t> watched = {3, 20, 21, 24, 40};
  Matrix<float> logit{2, 5};
  Matrix<std::uint8_t> visible{2, 5, 1};
  AttentionEvent event{};

  Event() {
    const float logits[2][5] = {{90, 5, 3, 1, 80}, {90, 6, 2, 7, 80}};
    for (std::size_t q = 0; q < 2; ++q) {
      for (std::size_t k = 0; k < 5; ++k) logit(q, k) = logits[q][k];
      visible(q, 0) = visible(q, 4) = 0;
    }
    visible(0, 1) = 0;  // a sliding window hides position 0 from query 8
    event.layer = 0;
    event.first_query = 28;
    event.n_queries = 2;
    event.n_heads = 2;
    event.watched = watched;
    event.watched_logit = std::as_const(logit).view();
    event.watched_visible = std::as_const(visible).view();
  }
};

SequenceMeasurement finished(const WatchList& list) {
  SequenceMeasurement m;
  list.finish(m);
  return m;
}

TEST(LogitGaps, AreOfQueriesThatSeeBothFromAfar) {
  WatchList list(1, 2, 20, {0, 1});
  list.watch(4);
  const Event made;
  list.add_gaps(made.event, 20, 0, 2, 5);
  const SequenceMeasurement m = finished(list);
  ASSERT_THAT(m.watched, ElementsAre(0, 1, 4));
  // Query 8 is four behind position 4, and does not see position 0.
  const std::int32_t queries[3][2] = {{1, 1}, {1, 2}, {1, 1}};
  const double sums[3][2] = {{0, 6 - 2}, {2 - 6, 0}, {7 - 6, 7 - 2}};
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t c = 0; c < 2; ++c) {
      EXPECT_EQ(m.logit_gap_queries(0, k, c), queries[k][c]) << k << ' ' << c;
      EXPECT_EQ(m.logit_gap_sum(0, k, c), sums[k][c]) << k << ' ' << c;
    }
  }
  list.add_gaps(made.event, 20, 0, 2, 4);
  EXPECT_EQ(finished(list).logit_gap_queries(0, 2, 1), 1 + 2) << "four behind are far now";
  EXPECT_EQ(finished(list).logit_gap_sum(0, 2, 1), 5 + (1 - 3) + 5);
}

TEST(LogitGaps, AreOfTheSequencesOwnQueries) {
  WatchList list(1, 2, 20, {0, 1});
  list.watch(4);
  const Event made;
  list.add_gaps(made.event, 20, 1, 1, 4);  // the second alone
  EXPECT_EQ(finished(list).logit_gap_queries(0, 2, 1), 1);
  EXPECT_EQ(finished(list).logit_gap_sum(0, 2, 1), 5);
}

TEST(EvictionCosts, AddUpByLayerHeadAndKey) {
  WatchList list(2, 2, 20, {0, 1});
  list.watch(4);
  Event made;
  Matrix<double> cost(2, 5);
  Matrix<std::int32_t> left_out(2, 5);
  for (std::size_t k = 0; k < 5; ++k) {
    cost(0, k) = 1 + static_cast<double>(k);
    cost(1, k) = 10;
    left_out(1, k) = 2;
  }
  const std::vector<std::int32_t> far = {5, 3, 0, 4, 5};
  made.event.layer = 1;
  made.event.eviction = {std::as_const(cost).view(), std::as_const(left_out).view(), far};
  list.add_evictions(made.event, 20);
  list.add_evictions(made.event, 20);
  const SequenceMeasurement m = finished(list);
  EXPECT_THAT(std::vector({m.eviction_queries(1, 0), m.eviction_queries(1, 1), m.eviction_queries(1, 2)}),
              ElementsAre(6, 0, 8));
  EXPECT_EQ(m.eviction_cost(1, 0, 0), 4);
  EXPECT_EQ(m.eviction_cost(1, 0, 1), 20);
  EXPECT_EQ(m.eviction_cost(1, 1, 1), 0) << "no far query";
  EXPECT_EQ(m.eviction_cost(1, 2, 0), 8);
  EXPECT_EQ(m.eviction_left_out(1, 2), 4);
  EXPECT_EQ(m.eviction_queries(0, 0), 0);
}

TEST(WatchList, NamesKeysThatHaveComeAsThoseOfThePack) {
  WatchList list(1, 1, 200, {0, 1});
  list.watch(9);
  list.watch(4);
  list.watch(4);
  std::vector<std::int32_t> keys = {7};
  list.append_keys(9, 100, keys);
  EXPECT_THAT(keys, ElementsAre(7, 100, 101, 104));
  EXPECT_TRUE(list.watches(4));
  EXPECT_FALSE(list.watches(5));
  for (int p = 10; p < 10 + kWatchedKeys; ++p) list.watch(p);
  list.watch(10 + kWatchedKeys - 1);  // once more
  EXPECT_FALSE(list.watches(10 + kWatchedKeys - 1));
  EXPECT_EQ(finished(list).n_watch_overflow, 2);
}

}  // namespace
}  // namespace sinkscope
