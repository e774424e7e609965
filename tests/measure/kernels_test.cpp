#include "measure/kernels.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "measure/ordinary.h"

namespace sinkscope {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& x : values) x = normal(random);
  return values;
}

// Widths below, at and beside the lanes of every processor.
class Widths : public testing::TestWithParam<std::size_t> {
 protected:
  std::size_t width() const { return GetParam(); }
  Matrix<float> candidates() const {
    Matrix<float> all(kPrimaryCandidates, width());
    const auto values = random_values(kPrimaryCandidates * width(), 1);
    std::copy(values.begin(), values.end(), all.data());
    return all;
  }
  // The slow twin, in float64.
  void expect_products(const RowProducts& got, const std::vector<float>& row) const {
    const auto all = candidates();
    double norm = 0;
    for (const float x : row) norm += static_cast<double>(x) * static_cast<double>(x);
    const double rounding = 1e-6 * static_cast<double>(width());
    EXPECT_NEAR(got.squared_norm, norm, rounding * (1 + norm / static_cast<double>(width())));
    for (std::size_t c = 0; c < kPrimaryCandidates; ++c) {
      double dot = 0;
      for (std::size_t i = 0; i < width(); ++i) dot += static_cast<double>(row[i]) * static_cast<double>(all(c, i));
      EXPECT_NEAR(got.dots[c], dot, rounding) << "candidate " << c;
    }
  }
};

TEST_P(Widths, OfRowProducts) {
  const auto row = random_values(width(), 2);
  const Matrix<float> all = candidates();
  expect_products(row_products(row.data(), all.view()), row);
}

TEST_P(Widths, OfShiftedRowProducts) {
  auto row = random_values(width(), 3);
  const auto origin = random_values(width(), 4);
  const Matrix<float> all = candidates();
  const RowProducts got = shifted_row_products(row.data(), origin.data(), all.view());
  for (std::size_t i = 0; i < width(); ++i) row[i] -= origin[i];
  expect_products(got, row);
}

TEST_P(Widths, OfBlockProducts) {
  const auto state = random_values(width(), 5);
  auto running = random_values(width(), 6);
  auto write = state;
  for (std::size_t i = 0; i < width(); ++i) write[i] -= running[i];
  const Matrix<float> all = candidates();
  const BlockProducts got = block_products(state.data(), running.data(), all.view());
  expect_products(got.state, state);
  expect_products(got.write, write);
  EXPECT_EQ(running, state);
}

TEST_P(Widths, OfSteps) {
  const auto state = random_values(width(), 7);
  auto running = random_values(width(), 8);
  double sum = 0;
  for (std::size_t i = 0; i < width(); ++i) {
    const double step = static_cast<double>(state[i] - running[i]);
    sum += step * step;
  }
  EXPECT_NEAR(step_squared_norm(state.data(), running.data(), width()), sum, 1e-6 * sum * 4);
  EXPECT_EQ(running, state);
}

TEST_P(Widths, OfSums) {
  const auto values = random_values(width(), 9);
  auto total = random_values(width(), 10);
  auto expected = total;
  double sum = 0;
  for (std::size_t i = 0; i < width(); ++i) {
    expected[i] += values[i];
    sum += static_cast<double>(values[i]);
  }
  EXPECT_NEAR(add_and_sum(values, total.data()), sum, 1e-6 * static_cast<double>(width()));
  EXPECT_EQ(total, expected);
}

INSTANTIATE_TEST_SUITE_P(All, Widths, testing::Values(1, 3, 4, 8, 15, 16, 17, 64, 576, 577));

TEST(Ordinary, LeavesOutTheFirstPositionsAndTheLong) {
  // Of 8 norms 1 .. 7 and 100 at positions 8 .. 15 the lower quartile is 3 (index 2), the limit 15.
  const std::vector<float> norms{900, 900, 900, 900, 900, 900, 900, 900, 7, 6, 100, 5, 4, 3, 2, 1};
  std::vector<float> scratch;
  std::vector<std::uint8_t> behind(norms.size(), 1);
  std::fill_n(behind.begin(), 8, std::uint8_t{0});
  const auto ordinary = ordinary_norms(norms, behind, scratch);
  ASSERT_TRUE(ordinary);
  EXPECT_EQ(ordinary->limit, 15);
  EXPECT_EQ(ordinary->median, 4);
  EXPECT_FALSE(ordinary_norms(std::span(norms).first(8), behind, scratch));
  // Without the long one and the 7: of 6 norms the lower quartile is 2.
  behind[8] = behind[10] = 0;
  EXPECT_EQ(ordinary_norms(norms, behind, scratch)->limit, 10);
  EXPECT_EQ(ordinary_norms(norms, behind, scratch)->median, 3.5F);
}

TEST(Ordinary, SamplesLongTexts) {
  std::vector<float> norms(5000);
  for (std::size_t t = 0; t < norms.size(); ++t) norms[t] = 1 + static_cast<float>(t % 7);
  std::vector<float> scratch;
  const std::vector<std::uint8_t> all(norms.size(), 1);
  EXPECT_EQ(sampled_ordinary_norms(norms, all, scratch)->median, ordinary_norms(norms, all, scratch)->median);
  sampled_ordinary_norms(norms, all, scratch);
  EXPECT_LE(scratch.size(), 1024U);
  // 1 at even positions, 3 at odd ones: every second is looked at from 1024 tokens on.
  for (std::size_t t = 0; t < norms.size(); ++t) norms[t] = t % 2 == 0 ? 1 : 3;
  EXPECT_EQ(sampled_ordinary_norms(std::span(norms).first(1022), all, scratch)->median, 2);
  EXPECT_EQ(sampled_ordinary_norms(std::span(norms).first(1024), all, scratch)->median, 1);
  EXPECT_EQ(sampled_ordinary_norms(std::span(norms).first(2048), all, scratch)->median, 2) << "every third";
}

}  // namespace
}  // namespace sinkscope
