#include "base/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace sinkscope {
namespace {

TEST(Medians, OfAnEvenCountAreTheMeanOfTheMiddleTwo) {
  std::vector<float> even{4, 1, 3, 100};
  EXPECT_EQ(median_of(even), 3.5F);
  std::vector<double> odd{9, 7, 8};
  EXPECT_EQ(median_of(odd), 8);
  std::vector<float> one{7};
  EXPECT_EQ(median_of(one), 7);
}

TEST(Medians, TheUpperOneOccurs) {
  std::vector<int> even{4, 1, 3, 100};
  EXPECT_EQ(upper_median_of(even), 4);
  std::vector<int> odd{9, 7, 8};
  EXPECT_EQ(upper_median_of(odd), 8);
}

TEST(Quantiles, TheLowerQuartileIsAtAQuarterRoundedDown) {
  std::vector<float> eight{8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(lower_quartile_of(eight), 3);
  std::vector<float> seven{7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(lower_quartile_of(seven), 2);
}

TEST(Quantiles, TheNthLargestCountsFromOne) {
  std::vector<float> values{3, 1, 2};
  EXPECT_EQ(nth_largest(values, 1), 3);
  EXPECT_EQ(nth_largest(values, 2), 2);
  EXPECT_EQ(nth_largest(values, 3), 1);
}

TEST(Quantiles, LieBetweenNeighboursInProportion) {
  const std::vector<double> sorted{1, 2, 4, 8};
  EXPECT_EQ(sorted_quantile(sorted, 0), 1);
  EXPECT_EQ(sorted_quantile(sorted, 0.5), 3);
  EXPECT_EQ(sorted_quantile(sorted, 0.75), 5);  // at 2.25: a quarter of the way from 4 to 8
  EXPECT_EQ(sorted_quantile(sorted, 1), 8);
  const std::vector<float> floats{1, 2, 4, 8};
  EXPECT_EQ(sorted_quantile(floats, 0.75), 5);
}

TEST(Quantiles, OfValuesInAnyOrder) {
  EXPECT_EQ(quantile_of({8, 1, 4, 2}, 0.5), 3);
  EXPECT_EQ(quantile_of({5}, 0.95), 5);
  EXPECT_FALSE(quantile_of({}, 0.5));
}

// All against a sorted copy.
TEST(Quantiles, AgreeWithSortedValues) {
  std::mt19937 random(1);
  for (std::size_t n = 1; n < 40; ++n) {
    std::vector<float> values(n);
    for (float& value : values) value = static_cast<float>(random() % 10);
    std::vector<float> sorted = values;
    std::ranges::sort(sorted);
    std::vector<float> scratch = values;
    EXPECT_EQ(median_of(scratch), (sorted[(n - 1) / 2] + sorted[n / 2]) / 2);
    scratch = values;
    EXPECT_EQ(lower_quartile_of(scratch), sorted[n / 4]);
    std::vector<int> whole(values.begin(), values.end());
    EXPECT_EQ(static_cast<float>(upper_median_of(whole)), sorted[n / 2]);
    for (std::size_t k = 1; k <= n; ++k) {
      scratch = values;
      EXPECT_EQ(nth_largest(scratch, k), sorted[n - k]);
    }
    const std::vector<double> doubles(sorted.begin(), sorted.end());
    EXPECT_NEAR(sorted_quantile(doubles, 0.3), static_cast<double>(sorted_quantile(sorted, 0.3)), 1e-6 * 10);
  }
}

}  // namespace
}  // namespace sinkscope
