// Packing beside its plain twin, for every instruction set that this machine has.
#include "engine/accel/pack_kernels.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace sinkscope::accel {
namespace {

class PackKernelsTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<float> numbers(std::size_t n) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> made(n);
  for (float& x : made) x = normal(random);
  // Ties of bf16 rounding, both ways, and what rounds to infinity or is none.
  const float special[] = {1.00390625f,
                           1.01171875f,
                           -1.00390625f,
                           3.4e38f,
                           std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN()};
  for (std::size_t i = 0; i < std::size(special); ++i) made[i * 11 % n] = special[i];
  std::uint32_t all_ones = 0x7fffffffu;  // a NaN that rounding as a number would turn into -0
  std::memcpy(&made[n / 2], &all_ones, sizeof all_ones);
  return made;
}

TEST_P(PackKernelsTest, AsThePlainOne) {
  const PackKernels fast = pack_kernels_of_processor();
  const PackKernels& plain = plain_pack_kernels();
  for (const Number number : {Number::kF32, Number::kBf16}) {
    for (const int k : {1, 3, 4, 7, 8, 32, 64, 80, 83, 256}) {
      for (const int n : {1, 2, 4, 30, 61, 63, 64}) {
        SCOPED_TRACE(std::to_string(k) + " rows, " + std::to_string(n) + " columns");
        const std::size_t bytes =
            static_cast<std::size_t>(Onednn::block_rows(k, number) * kBlockColumns) * bytes_of(number);
        const auto compare = [&](auto pack, auto twin, int stride, std::size_t count) {
          const std::vector<float> from = numbers(count);
          std::vector<unsigned char> expected(bytes, 0xaa), got(bytes + 1, 0xbb);
          twin(from.data(), stride, n, k, number, expected.data());
          pack(from.data(), stride, n, k, number, got.data());
          EXPECT_EQ(std::memcmp(expected.data(), got.data(), bytes), 0);
          EXPECT_EQ(got[bytes], 0xbb) << "beyond the end";
        };
        const auto all_columns = [](const PackKernels& kernels) {
          return [&kernels](const float* from, int stride, int n_columns, int n_rows, Number type, unsigned char* to) {
            for (int c = 0; c < kBlockColumns; c += kPackedColumns) {
              kernels.columns(from + c * stride, stride, std::clamp(n_columns - c, 0, kPackedColumns), n_rows, type,
                              to + c * 4);
            }
          };
        };
        compare(all_columns(fast), all_columns(plain), k + 5, static_cast<std::size_t>((n - 1) * (k + 5) + k));
        compare(fast.rows, plain.rows, n + 5, static_cast<std::size_t>((k - 1) * (n + 5) + n));
      }
    }
  }
}

TEST_P(PackKernelsTest, ByHand) {
  const float from[] = {1, 2, 3, 4};  // two columns of two rows
  std::vector<std::uint16_t> block(32 * kBlockColumns, 7);
  pack_kernels_of_processor().columns(from, 2, 2, 2, Number::kBf16, block.data());
  EXPECT_EQ(block[0], 0x3f80);  // 1 and, below it, 2
  EXPECT_EQ(block[1], 0x4000);
  EXPECT_EQ(block[2], 0x4040);  // 3 and 4
  EXPECT_EQ(block[3], 0x4080);
  EXPECT_EQ(block[4], 0);
  EXPECT_EQ(block[2 * kPackedColumns - 1], 0);
  EXPECT_EQ(block[2 * kPackedColumns], 7) << "other columns";
  EXPECT_EQ(block[30 * kBlockColumns + 2 * kPackedColumns - 1], 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, PackKernelsTest, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace sinkscope::accel
