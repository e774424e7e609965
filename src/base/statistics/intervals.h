#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace sinkscope {

struct Interval {
  double low = 0, high = 0;
};

// The regularised incomplete beta function I_x(a, b).
//
// a, b    > 0; x in [0, 1]
// source  continued fraction by Lentz's method, Press et al., Numerical Recipes, 6.4; relative error about 1e-14
double incomplete_beta(double a, double b, double x);

// An exact interval of a fraction from k successes in n trials.
//
// returns  nothing for n = 0
// throws   Error{kShape} unless 0 <= k <= n
// source   Clopper and Pearson 1934
std::optional<Interval> clopper_pearson(std::int64_t k, std::int64_t n, double confidence = 0.95);

// Draws of a bootstrap over clusters (sequences, say), which are drawn whole, with replacement.
struct BootstrapOptions {
  int n_draws = 2000;
  std::uint64_t seed = 1;
  double confidence = 0.95;
};

// A statistic of a sample, given how often each cluster is in it; nothing where it is undefined.
using WeightedStatistic = std::function<std::optional<double>(std::span<const std::uint32_t> weights)>;

// Interval between the quantiles of the draws; draws in which the statistic is undefined are left out.
//
// returns  nothing with under 2 clusters, or where half of the draws or more are undefined
// cost     n_draws calls of the statistic
std::optional<Interval> bootstrap_interval(std::size_t n_clusters, const BootstrapOptions& options,
                                           const WeightedStatistic& statistic);

// The same with corrections for bias and for a spread that changes with the value (BCa).
//
// returns  as above; nothing too where the jackknife is undefined
// cost     n_draws + n_clusters + 1 calls of the statistic
// source   Efron 1987
std::optional<Interval> bca_interval(std::size_t n_clusters, const BootstrapOptions& options,
                                     const WeightedStatistic& statistic);

double normal_cdf(double z);
// p in (0, 1)
double normal_quantile(double p);

}  // namespace sinkscope
