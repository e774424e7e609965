// The vector kernels beside their plain twins, for every instruction set that this machine has.
#include "engine/accel/softmax_kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "attention_inputs.h"

namespace sinkscope::accel {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

struct Range {
  int first, last;
};
constexpr Range kRanges[] = {{0, 128}, {0, 1}, {5, 6}, {3, 77}, {16, 48}, {17, 127}, {60, 128}, {127, 128}, {9, 9}};
constexpr int kWidth = 128;

std::vector<float> random_scores(int n, float spread) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> scores(static_cast<std::size_t>(n));
  for (float& x : scores) x = normal(random);
  return scores;
}

double read(const std::vector<unsigned char>& weights, Number number, int i) {
  const ElementType type = number == Number::kF32 ? ElementType::kF32 : ElementType::kBF16;
  return static_cast<double>(element(weights.data(), type, static_cast<std::size_t>(i)));
}

class SoftmaxKernelsTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
  const SoftmaxKernels& plain_ = plain_softmax_kernels();
};

TEST_P(SoftmaxKernelsTest, LargestByHand) {
  std::vector<float> scores(kWidth, 9.0f);
  scores[40] = 2;
  scores[41] = 3;
  scores[42] = -1;
  EXPECT_EQ(softmax_kernels_of_processor().largest(scores.data(), 40, 43), 3);
  EXPECT_EQ(softmax_kernels_of_processor().largest(scores.data(), 42, 43), -1);
  EXPECT_EQ(softmax_kernels_of_processor().largest(scores.data(), 42, 42), kHidden);
}

TEST_P(SoftmaxKernelsTest, Exponentials) {
  const SoftmaxKernels fast = softmax_kernels_of_processor();
  std::vector<float> scores = random_scores(kWidth, 20);
  scores[20] = kHidden;
  for (const Number number : {Number::kF32, Number::kBf16}) {
    for (const Range range : kRanges) {
      std::vector<unsigned char> weights(kWidth * 4, 0xff), expected(kWidth * 4, 0xff);
      const float shift = 25;
      const float sum =
          fast.exponentials(scores.data(), range.first, range.last, kWidth, 0.7f, shift, number, weights.data());
      const float wanted =
          plain_.exponentials(scores.data(), range.first, range.last, kWidth, 0.7f, shift, number, expected.data());
      EXPECT_NEAR(sum, wanted, 1e-5 * wanted) << range.first;
      // One unit in the last place of bf16 where the two lie on both sides of a tie; exp's own error in float32,
      // and that of an argument near 60, which is rounded before.
      const double tolerance = number == Number::kF32 ? 1e-5 : 0x1p-7;
      double total = 0;
      for (int i = 0; i < kWidth; ++i) {
        EXPECT_NEAR(read(weights, number, i), read(expected, number, i), tolerance * read(expected, number, i));
        total += read(weights, number, i);
      }
      EXPECT_NEAR(sum, total, 2e-6 * total);  // of what is stored, not of what was rounded
      EXPECT_EQ(read(weights, number, 20), 0);
    }
  }
}

TEST_P(SoftmaxKernelsTest, NanReachesTheSum) {
  std::vector<float> scores(kWidth, 1.0f), weights(kWidth);
  scores[33] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(
      softmax_kernels_of_processor().exponentials(scores.data(), 0, 64, kWidth, 1, 1, Number::kF32, weights.data())));
}

TEST_P(SoftmaxKernelsTest, Logits) {
  const SoftmaxKernels fast = softmax_kernels_of_processor();
  std::vector<std::uint16_t> mask(kWidth);
  for (int i = 0; i < kWidth; ++i)
    mask[i] = testing_support::f16_of(i % 5 == 0 ? kHidden : -0.25f * static_cast<float>(i));
  for (const float softcap : {0.0f, 30.0f}) {
    for (const bool masked : {false, true}) {
      for (const Range range : kRanges) {
        std::vector<float> scores = random_scores(kWidth, 20), expected = scores;
        fast.make_logits(scores.data(), range.first, range.last, 0.5f, softcap, 0.5f, masked ? mask.data() : nullptr);
        plain_.make_logits(expected.data(), range.first, range.last, 0.5f, softcap, 0.5f,
                           masked ? mask.data() : nullptr);
        for (int i = range.first; i < range.last; ++i) {
          if (expected[i] == kHidden) {
            EXPECT_EQ(scores[i], kHidden);
          } else {
            EXPECT_NEAR(scores[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])));  // tanh to a few units
          }
        }
      }
    }
  }
}

TEST_P(SoftmaxKernelsTest, ColumnSums) {
  const SoftmaxKernels fast = softmax_kernels_of_processor();
  for (const Number number : {Number::kF32, Number::kBf16}) {
    for (const int n_rows : {1, 7, 32}) {
      std::vector<unsigned char> weights(static_cast<std::size_t>(kWidth * n_rows) * bytes_of(number));
      std::vector<float> inverse;
      std::vector<std::int32_t> far_last;
      for (int row = 0; row < n_rows; ++row) {
        const std::vector<float> scores = random_scores(kWidth, 1.0f + 0.1f * static_cast<float>(row));
        plain_.exponentials(scores.data(), 0, kWidth, kWidth, 1, 1, number,
                            weights.data() + static_cast<std::size_t>(row * kWidth) * bytes_of(number));
        inverse.push_back(1.0f / static_cast<float>(row + 1));
        far_last.push_back(std::min(kWidth, 33 + 2 * row));
      }
      std::vector<float> sums(kWidth), far_sums(kWidth), expected(kWidth), expected_far(kWidth);
      fast.column_sums(weights.data(), number, n_rows, kWidth, inverse.data(), far_last.data(), sums.data(),
                       far_sums.data());
      plain_.column_sums(weights.data(), number, n_rows, kWidth, inverse.data(), far_last.data(), expected.data(),
                         expected_far.data());
      for (int i = 0; i < kWidth; ++i) {
        EXPECT_NEAR(sums[i], expected[i], 1e-5 * expected[i]);  // 32 additions in float32
        EXPECT_NEAR(far_sums[i], expected_far[i], 1e-5 * expected_far[i]);
      }
    }
  }
}

TEST_P(SoftmaxKernelsTest, ScaleKeepsBf16) {
  for (const Number number : {Number::kF32, Number::kBf16}) {
    std::vector<unsigned char> weights(kWidth * 4), expected;
    const std::vector<float> scores = random_scores(kWidth, 1);
    plain_.exponentials(scores.data(), 0, kWidth, kWidth, 1, 0, number, weights.data());
    expected = weights;
    softmax_kernels_of_processor().scale(weights.data(), number, kWidth, 0.3f);
    plain_.scale(expected.data(), number, kWidth, 0.3f);
    EXPECT_EQ(weights, expected);
  }
}

TEST_P(SoftmaxKernelsTest, ExactAdditionsDoNotDependOnTheirOrder) {
  const SoftmaxKernels fast = softmax_kernels_of_processor();
  constexpr int kAddends = 100;
  std::vector<float> addends = random_scores(kWidth * kAddends, 1);
  for (float& x : addends) x = std::fabs(x);
  std::vector<double> forwards(kWidth), backwards(kWidth), plain(kWidth);
  for (int i = 0; i < kAddends; ++i) {
    fast.add_exactly(addends.data() + i * kWidth, kWidth - 3, forwards.data());
    fast.add_exactly(addends.data() + (kAddends - 1 - i) * kWidth, kWidth - 3, backwards.data());
    plain_.add_exactly(addends.data() + i * kWidth, kWidth - 3, plain.data());
  }
  EXPECT_EQ(forwards, backwards);
  EXPECT_EQ(forwards, plain);
  EXPECT_EQ(forwards[kWidth - 1], 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, SoftmaxKernelsTest, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace sinkscope::accel
