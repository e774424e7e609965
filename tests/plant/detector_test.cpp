#include "plant/detector.h"

#include <cmath>
#include <random>
#include <utility>

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

// The same by Gauss' elimination, line by line.
std::vector<double> slow_detector(const Matrix<float>& rows, const std::vector<double>& target,
                                  const Matrix<float>& controls, double weight, double ridge) {
  const std::size_t n = target.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n, 0.0));
  double trace = 0;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) a[i][j] += static_cast<double>(rows(r, i)) * static_cast<double>(rows(r, j));
    }
  }
  for (std::size_t i = 0; i < n; ++i) trace += a[i][i];
  for (std::size_t r = 0; r < controls.rows(); ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        a[i][j] += weight / static_cast<double>(controls.rows()) * static_cast<double>(controls(r, i)) *
                   static_cast<double>(controls(r, j));
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) a[i][i] += ridge * trace / static_cast<double>(n);
  std::vector<double> x = target;
  for (std::size_t p = 0; p < n; ++p) {
    for (std::size_t r = p + 1; r < n; ++r) {
      const double factor = a[r][p] / a[p][p];
      for (std::size_t c = p; c < n; ++c) a[r][c] -= factor * a[p][c];
      x[r] -= factor * x[p];
    }
  }
  for (std::size_t p = n; p-- > 0;) {
    for (std::size_t c = p + 1; c < n; ++c) x[p] -= a[p][c] * x[c];
    x[p] /= a[p][p];
  }
  double scale = 0;
  for (std::size_t i = 0; i < n; ++i) scale += x[i] * target[i];
  for (double& value : x) value /= scale;
  return x;
}

TEST(Detector, OneHotInputsAreToldApart) {
  NormalEquations equations(3);
  Matrix<float> rows(4, 3, 0.0F);
  rows(0, 0) = rows(1, 1) = rows(2, 2) = rows(3, 2) = 2;
  equations.add(rows.view());
  const auto w = equations.detector(std::vector<double>{0, 2, 0}, {}, 0, 1e-9);
  EXPECT_NEAR(w[0], 0, 1e-6);
  EXPECT_NEAR(w[1], 0.5, 1e-6);  // w . (0, 2, 0) = 1
  EXPECT_NEAR(w[2], 0, 1e-6);
}

TEST(Detector, AgreesWithEliminationAndStreams) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Matrix<float> rows(40, 7), controls(5, 7);
  for (std::size_t i = 0; i < 40 * 7; ++i) rows.data()[i] = normal(random);
  for (std::size_t i = 0; i < 5 * 7; ++i) controls.data()[i] = normal(random);
  std::vector<double> target(7);
  for (double& value : target) value = static_cast<double>(normal(random));
  NormalEquations equations(7);
  equations.add(rows.view().middle_rows(0, 13));
  equations.add(rows.view().middle_rows(13, 27));
  EXPECT_EQ(equations.n_rows(), 40);
  const auto fast = equations.detector(target, controls.view(), 4, 0.01);
  const auto slow = slow_detector(rows, target, controls, 4, 0.01);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NEAR(fast[i], slow[i], 1e-5 * std::abs(slow[i]) + 1e-6) << i;
}

TEST(Detector, ControlsArePushedDown) {
  NormalEquations equations(2);
  Matrix<float> rows(2, 2, 0.0F), controls(1, 2);
  rows(0, 0) = rows(1, 1) = 1;
  controls(0, 0) = 1;
  controls(0, 1) = 0.5F;
  equations.add(rows.view());
  const std::vector<double> target = {1, 1};
  const auto at_control = [&](double weight) {
    const auto w = equations.detector(target, controls.view(), weight, 1e-6);
    return w[0] * controls(0, 0) + w[1] * controls(0, 1);
  };
  EXPECT_LT(at_control(100), 0.06);
  EXPECT_GT(at_control(0.01), 0.5);
}

TEST(Detector, RefusesWhatHasNoSolution) {
  NormalEquations equations(2);
  equations.add(Matrix<float>(2, 2, 0.0F).view());
  expect_error(ErrorCode::kInput, "no solution", [&] { equations.detector(std::vector<double>{0, 0}, {}, 0, 1e-3); });
}

}  // namespace
}  // namespace sinkscope
