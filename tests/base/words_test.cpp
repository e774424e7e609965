#include "base/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Words, CountThings) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234), "1,234");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(counted(0, "sink"), "0 sinks");
  EXPECT_EQ(counted(1, "sink"), "1 sink");
  EXPECT_EQ(counted(1234, "sink"), "1,234 sinks");
  EXPECT_EQ(count_of(1234, "sink"), "1234 sinks");
  EXPECT_EQ(plural(1, "layer"), "layer");
}

TEST(Words, JoinNeighbouringLayers) {
  EXPECT_THAT(ranges_of(std::vector<int>{}), ElementsAre());
  EXPECT_THAT(ranges_of(std::vector<int>{3}), ElementsAre(Pair(3, 3)));
  EXPECT_THAT(ranges_of(std::vector<int>{0, 1, 2, 5, 7, 8}), ElementsAre(Pair(0, 2), Pair(5, 5), Pair(7, 8)));
}

TEST(Words, WriteNoMinusBeforeZero) {
  EXPECT_EQ(fixed(-0.004, 2), "0.00");
  EXPECT_EQ(fixed(-0.0, 0), "0");
  EXPECT_EQ(fixed(-0.006, 2), "-0.01");
  EXPECT_EQ(fixed(1.25, 3), "1.250");
  EXPECT_EQ(signed_fixed(-0.00004, 4), "0.0000");
  EXPECT_EQ(signed_fixed(0.00004, 4), "0.0000");
  EXPECT_EQ(signed_fixed(-0.5, 1), "-0.5");
  EXPECT_EQ(signed_fixed(0.5, 1), "+0.5");
  EXPECT_EQ(signed_fixed(-100, 0), "-100");
}

TEST(Words, NameLayers) {
  EXPECT_EQ(layer_range(3, 3), "layer 3");
  EXPECT_EQ(layer_range(3, 7), "layers 3\u20137");
  EXPECT_EQ(layer_ranges({}), "no layer");
  EXPECT_EQ(layer_ranges({{0, 2}, {5, 5}}), "layers 0\u20132 and 5");
  EXPECT_EQ(layer_ranges({{0, 2}, {5, 5}, {7, 8}}), "layers 0\u20132, 5 and 7\u20138");
  EXPECT_EQ(plain_ranges({{0, 3}, {7, 7}}), "0-3, 7");
}

}  // namespace
}  // namespace sinkscope
