#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sinkscope {
namespace {

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(half_from_float(0.0F), 0x0000);
  EXPECT_EQ(half_from_float(-0.0F), 0x8000);
  EXPECT_EQ(half_from_float(1.0F), 0x3C00);
  EXPECT_EQ(half_from_float(-2.0F), 0xC000);
  EXPECT_EQ(half_from_float(65504.0F), 0x7BFF);
  EXPECT_EQ(half_from_float(65520.0F), 0x7C00);  // halfway to 65536, which is even
  EXPECT_EQ(half_from_float(65519.0F), 0x7BFF);
  EXPECT_EQ(half_from_float(1.0F + 0x1p-11F), 0x3C00);      // halfway, to even
  EXPECT_EQ(half_from_float(1.0F + 3 * 0x1p-11F), 0x3C02);  // halfway, to even
  EXPECT_EQ(half_from_float(0x1p-24F), 0x0001);
  EXPECT_EQ(half_from_float(0x1p-25F), 0x0000);
  EXPECT_TRUE(std::isnan(float_from_half(half_from_float(std::nanf("")))));
}

TEST(Half, EveryHalfGoesThereAndBack) {
  for (unsigned half = 0; half <= 0xFFFF; ++half) {
    const float value = float_from_half(static_cast<std::uint16_t>(half));
    if (std::isnan(value)) continue;
    ASSERT_EQ(half_from_float(value), half);
  }
}

TEST(Half, TakesTheNearestHalf) {
  std::mt19937 random(2);
  for (int i = 0; i < 100000; ++i) {
    const float value = std::ldexp(static_cast<float>(random() % 0xFFFFFF), static_cast<int>(random() % 40) - 46);
    if (value >= 65504.0F) continue;
    const auto half = half_from_float(value);
    const auto distance = [&](int neighbour) {
      return std::fabs(float_from_half(static_cast<std::uint16_t>(half + neighbour)) - value);
    };
    ASSERT_LE(distance(0), distance(1)) << value;
    if (half != 0) {
      ASSERT_LE(distance(0), distance(-1)) << value;
    }
  }
}

TEST(Bf16, IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(float_from_bf16(0x3F80), 1.0F);
  EXPECT_EQ(float_from_bf16(0xC040), -3.0F);
  EXPECT_TRUE(std::isinf(float_from_bf16(0x7F80)));
}

}  // namespace
}  // namespace sinkscope
