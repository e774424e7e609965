// Weights unpacked by vectors beside ggml's own loops, for every instruction set that this machine has.
#include "engine/accel/unpack_kernels.h"

#include <ggml-cpu.h>
#include <ggml.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace sinkscope::accel {
namespace {

constexpr ggml_type kTypes[] = {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1,
                                GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K};
constexpr int kWeights = 2048;

class UnpackKernelsTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    ggml_cpu_init();
    hwy::SetSupportedTargetsForTest(GetParam());
  }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_P(UnpackKernelsTest, AsGgmlUnpacksThem) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.02f, 1);
  std::vector<float> weights(kWeights);
  for (float& w : weights) w = normal(random);
  for (const ggml_type type : kTypes) {
    SCOPED_TRACE(ggml_type_name(type));
    std::vector<char> blocks(ggml_row_size(type, kWeights));
    ggml_quantize_chunk(type, weights.data(), blocks.data(), 0, 1, kWeights, nullptr);
    std::vector<float> expected(kWeights), got(kWeights + 1, -77.0f);
    ggml_get_type_traits(type)->to_float(blocks.data(), expected.data(), kWeights);
    const UnpackKernel unpack = unpack_kernel_of_processor(type);
    if (GetParam() == HWY_SCALAR) {
      EXPECT_EQ(unpack, nullptr);
      continue;
    }
    ASSERT_NE(unpack, nullptr);
    unpack(blocks.data(), got.data(), kWeights);
    float largest = 0;
    for (const float x : expected) largest = std::max(largest, std::fabs(x));
    // One rounding of the product, which is at most twice the largest weight.
    for (int i = 0; i < kWeights; ++i) ASSERT_NEAR(got[i], expected[i], 0x1p-22f * largest) << "at " << i;
    EXPECT_EQ(got[kWeights], -77.0f) << "beyond the end";
  }
}

// Every bit of a quant counts: blocks of random bytes, as no quantiser makes them, with float16 scales that are
// numbers.
TEST_P(UnpackKernelsTest, AnyBits) {
  std::mt19937 random(12);
  for (const ggml_type type : kTypes) {
    const UnpackKernel unpack = unpack_kernel_of_processor(type);
    if (!unpack) continue;
    SCOPED_TRACE(ggml_type_name(type));
    const std::size_t block_bytes = ggml_type_size(type);
    const bool has_minimum = type != GGML_TYPE_Q4_0 && type != GGML_TYPE_Q5_0 && type != GGML_TYPE_Q8_0;
    std::vector<unsigned char> blocks(ggml_row_size(type, kWeights));
    for (unsigned char& byte : blocks) byte = static_cast<unsigned char>(random());
    for (std::size_t first = 0; first < blocks.size(); first += block_bytes) {
      const std::size_t scale = type == GGML_TYPE_Q6_K ? block_bytes - 2 : 0;
      blocks[first + scale + 1] = 0x2a;  // the high byte: about 0.05
      if (has_minimum && scale == 0) blocks[first + 3] = 0xab;
    }
    std::vector<float> expected(kWeights), got(kWeights);
    ggml_get_type_traits(type)->to_float(blocks.data(), expected.data(), kWeights);
    unpack(blocks.data(), got.data(), kWeights);
    float largest = 0;
    for (const float x : expected) largest = std::max(largest, std::fabs(x));
    ASSERT_TRUE(std::isfinite(largest));
    for (int i = 0; i < kWeights; ++i) ASSERT_NEAR(got[i], expected[i], 0x1p-22f * largest) << "at " << i;
  }
}

TEST_P(UnpackKernelsTest, OtherTypesAreGgmls) {
  for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_Q2_K, GGML_TYPE_IQ4_NL, GGML_TYPE_MXFP4})
    EXPECT_EQ(unpack_kernel_of_processor(type), nullptr) << ggml_type_name(type);
}

INSTANTIATE_TEST_SUITE_P(Targets, UnpackKernelsTest, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace sinkscope::accel
