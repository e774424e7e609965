#include "base/statistics/intervals.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/statistics.h"
#include "base/statistics/random.h"

namespace sinkscope {
namespace {

// The continued fraction of I_x(a, b), for x below (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m <= 10'000; ++m) {
    const double even = m * (b - m) * x / ((a - 1 + 2 * m) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 1 + 2 * m));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return value;
}

// The x at which a rising function reaches the target, in [0, 1].
double solve(double target, const std::function<double(double)>& rising) {
  double low = 0, high = 1;
  for (int i = 0; i < 200 && high - low > 1e-17; ++i) {
    const double middle = 0.5 * (low + high);
    (rising(middle) < target ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

std::optional<std::vector<double>> sorted_draws(std::size_t n_clusters, const BootstrapOptions& options,
                                                const WeightedStatistic& statistic) {
  if (n_clusters < 2) return std::nullopt;
  std::vector<double> draws;
  for (int draw = 0; draw < options.n_draws; ++draw) {
    const auto weights = bootstrap_weights(n_clusters, options.seed, static_cast<std::uint64_t>(draw));
    if (const auto value = statistic(weights)) draws.push_back(*value);
  }
  if (2 * draws.size() <= static_cast<std::size_t>(options.n_draws)) return std::nullopt;
  std::ranges::sort(draws);
  return draws;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  const double front = std::exp(log_front);
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

std::optional<Interval> clopper_pearson(std::int64_t k, std::int64_t n, double confidence) {
  if (k < 0 || k > n) throw Error(ErrorCode::kShape, "interval of a fraction: expected 0 <= successes <= trials");
  if (n == 0) return std::nullopt;
  const double tail = 0.5 * (1 - confidence);
  const auto successes = static_cast<double>(k), failures = static_cast<double>(n - k);
  Interval interval{0, 1};
  if (k > 0) interval.low = solve(tail, [&](double x) { return incomplete_beta(successes, failures + 1, x); });
  if (k < n) interval.high = solve(1 - tail, [&](double x) { return incomplete_beta(successes + 1, failures, x); });
  return interval;
}

std::optional<Interval> bootstrap_interval(std::size_t n_clusters, const BootstrapOptions& options,
                                           const WeightedStatistic& statistic) {
  const auto draws = sorted_draws(n_clusters, options, statistic);
  if (!draws) return std::nullopt;
  const double tail = 0.5 * (1 - options.confidence);
  return Interval{sorted_quantile(*draws, tail), sorted_quantile(*draws, 1 - tail)};
}

std::optional<Interval> bca_interval(std::size_t n_clusters, const BootstrapOptions& options,
                                     const WeightedStatistic& statistic) {
  const auto draws = sorted_draws(n_clusters, options, statistic);
  if (!draws) return std::nullopt;
  std::vector<std::uint32_t> weights(n_clusters, 1);
  const auto observed = statistic(weights);
  if (!observed) return std::nullopt;
  // Skewness of the statistic as one cluster after another is left out.
  std::vector<double> without;
  for (std::size_t cluster = 0; cluster < n_clusters; ++cluster) {
    weights[cluster] = 0;
    const auto value = statistic(weights);
    weights[cluster] = 1;
    if (!value) return std::nullopt;
    without.push_back(*value);
  }
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / static_cast<double>(n_clusters);
  double squares = 0, cubes = 0;
  for (const double value : without) {
    squares += (mean - value) * (mean - value);
    cubes += (mean - value) * (mean - value) * (mean - value);
  }
  if (squares == 0) return Interval{draws->front(), draws->back()};
  const double acceleration = cubes / (6 * std::pow(squares, 1.5));

  // Draws equal to the observed value count one half, as a discrete statistic has many.
  double below = 0;
  for (const double value : *draws) below += value < *observed ? 1.0 : value == *observed ? 0.5 : 0.0;
  const double fraction = below / static_cast<double>(draws->size());
  if (fraction <= 0 || fraction >= 1) return Interval{draws->front(), draws->back()};
  const double bias = normal_quantile(fraction);
  const auto end_of = [&](double tail) {
    const double z = bias + normal_quantile(tail);
    return sorted_quantile(*draws, normal_cdf(bias + z / (1 - acceleration * z)));
  };
  const double tail = 0.5 * (1 - options.confidence);
  return Interval{end_of(tail), end_of(1 - tail)};
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double normal_quantile(double p) {
  // Bisection; then the tails keep their relative precision, as the lower half is solved and mirrored.
  if (p > 0.5) return -normal_quantile(1 - p);
  double low = -40, high = 0;
  for (int i = 0; i < 200 && high - low > 1e-16 * std::abs(low); ++i) {
    const double middle = 0.5 * (low + high);
    (normal_cdf(middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace sinkscope
