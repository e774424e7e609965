#include "impact/mean_interval.h"

#include <algorithm>

namespace sinkscope {

std::optional<Interval> mean_interval(std::span<const double> values, int n_draws, std::uint64_t seed) {
  if (values.size() < 2) return std::nullopt;
  // Nothing to resample, and nothing to be in doubt about.
  if (std::ranges::all_of(values, [&](double value) { return value == values.front(); })) {
    return Interval{values.front(), values.front()};
  }
  BootstrapOptions options;
  options.n_draws = n_draws;
  options.seed = seed;
  return bca_interval(values.size(), options, [&](std::span<const std::uint32_t> weights) {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += weights[i] * values[i];
      n += weights[i];
    }
    return n > 0 ? std::optional(sum / n) : std::nullopt;
  });
}

}  // namespace sinkscope
