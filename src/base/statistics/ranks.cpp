#include "base/statistics/ranks.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace sinkscope {
namespace {

// Means and sums of squares and products about them.
struct Moments {
  double mean_x = 0, mean_y = 0;
  double xx = 0, yy = 0, xy = 0;
};

Moments moments_of(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) throw Error(ErrorCode::kShape, "correlation: expected as many values on both sides");
  Moments moments;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    moments.mean_x += x[i] / n;
    moments.mean_y += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - moments.mean_x, dy = y[i] - moments.mean_y;
    moments.xx += dx * dx;
    moments.yy += dy * dy;
    moments.xy += dx * dy;
  }
  return moments;
}

// Whether a sum of squares about the mean is more than rounding.
bool varies(double squares, double mean, std::size_t n) {
  return squares > 1e-24 * static_cast<double>(n) * std::max(mean * mean, 1e-280);
}

double squares_about_mean(std::span<const double> values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return squares;
}

}  // namespace

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double rank = 0.5 * static_cast<double>(first + 1 + end);
    for (std::size_t i = first; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

std::optional<double> pearson(std::span<const double> x, std::span<const double> y) {
  const Moments m = moments_of(x, y);
  if (x.size() < 2 || !varies(m.xx, m.mean_x, x.size()) || !varies(m.yy, m.mean_y, y.size())) return std::nullopt;
  return std::clamp(m.xy / std::sqrt(m.xx) / std::sqrt(m.yy), -1.0, 1.0);
}

std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) throw Error(ErrorCode::kShape, "correlation: expected as many values on both sides");
  const std::vector<double> rank_x = ranks_of(x), rank_y = ranks_of(y);
  // The mean of ranks is known, and all sums are of quarters: but for the last step nothing is rounded.
  const double mean = static_cast<double>(x.size() + 1) / 2;
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (rank_x[i] - mean) * (rank_x[i] - mean);
    yy += (rank_y[i] - mean) * (rank_y[i] - mean);
    xy += (rank_x[i] - mean) * (rank_y[i] - mean);
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  return xy / std::sqrt(xx * yy);
}

std::vector<double> residuals_of(std::span<const double> y, MatrixView<const double> covariates) {
  const std::size_t n = y.size();
  if (covariates.rows() > 0 && covariates.cols() != n) {
    throw Error(ErrorCode::kShape, "regression: expected covariates as long as the values");
  }
  if (n == 0) return {};
  // Centred columns stand for the intercept; each is scaled, so that the rank is decided on equal terms.
  Eigen::MatrixXd design(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(covariates.rows()));
  for (std::size_t c = 0; c < covariates.rows(); ++c) {
    const auto row = covariates.row(c);
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(n);
    const double squares = squares_about_mean(row);
    const double scale = varies(squares, mean, n) ? 1 / std::sqrt(squares) : 0;
    for (std::size_t i = 0; i < n; ++i) {
      design(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(c)) = (row[i] - mean) * scale;
    }
  }
  const double mean = std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(n);
  Eigen::VectorXd centred(static_cast<Eigen::Index>(n));
  for (std::size_t i = 0; i < n; ++i) centred(static_cast<Eigen::Index>(i)) = y[i] - mean;
  if (covariates.rows() > 0) {
    Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(design);
    qr.setThreshold(1e-10);
    // The part outside of the columns' span: no coefficients are solved for, which near-equal columns would spoil.
    centred.applyOnTheLeft(qr.householderQ().adjoint());
    centred.head(qr.rank()).setZero();
    centred.applyOnTheLeft(qr.householderQ());
  }
  return {centred.data(), centred.data() + centred.size()};
}

std::optional<double> partial_spearman(std::span<const double> x, std::span<const double> y,
                                       MatrixView<const double> covariates) {
  if (x.size() != y.size()) throw Error(ErrorCode::kShape, "correlation: expected as many values on both sides");
  if (x.size() < 2) return std::nullopt;
  const std::vector<double> rank_x = ranks_of(x), rank_y = ranks_of(y);
  const std::vector<double> rest_x = residuals_of(rank_x, covariates), rest_y = residuals_of(rank_y, covariates);
  constexpr double kRounding = 1e-18;  // of the ranks' sum of squares: what is left by rounding alone
  if (squares_about_mean(rest_x) <= kRounding * squares_about_mean(rank_x)) return std::nullopt;
  if (squares_about_mean(rest_y) <= kRounding * squares_about_mean(rank_y)) return std::nullopt;
  return pearson(rest_x, rest_y);
}

std::optional<LineFit> fit_line(std::span<const double> x, std::span<const double> y) {
  const Moments m = moments_of(x, y);
  if (x.size() < 3 || !varies(m.xx, m.mean_x, x.size()) || !varies(m.yy, m.mean_y, y.size())) return std::nullopt;
  LineFit fit;
  fit.slope = m.xy / m.xx;
  fit.intercept = m.mean_y - fit.slope * m.mean_x;
  fit.r2 = m.xy / m.xx * m.xy / m.yy;
  return fit;
}

}  // namespace sinkscope
