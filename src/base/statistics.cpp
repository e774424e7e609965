#include "base/statistics.h"

#include <algorithm>
#include <cmath>

namespace sinkscope {
namespace {

template <typename T>
T mean_of_the_middle(std::span<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

template <typename T>
T at_rank(std::span<T> values, std::size_t rank) {
  const auto wanted = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), wanted, values.end());
  return *wanted;
}

// The two values that a fraction lies between, and how far it is from the first of them.
template <typename T>
struct Neighbours {
  Neighbours(std::span<const T> sorted, double fraction) {
    const double at = fraction * static_cast<double>(sorted.size() - 1);
    const auto index = static_cast<std::size_t>(at);
    below = sorted[index];
    above = sorted[std::min(index + 1, sorted.size() - 1)];
    way = at - static_cast<double>(index);
  }
  T below, above;
  double way;  // 0 .. 1
};

}  // namespace

float median_of(std::span<float> values) { return mean_of_the_middle(values); }
double median_of(std::span<double> values) { return mean_of_the_middle(values); }
int upper_median_of(std::span<int> values) { return at_rank(values, values.size() / 2); }
float lower_quartile_of(std::span<float> values) { return at_rank(values, values.size() / 4); }
float nth_largest(std::span<float> values, std::size_t n) { return at_rank(values, values.size() - n); }

double sorted_quantile(std::span<const double> sorted, double fraction) {
  const Neighbours<double> at(sorted, fraction);
  return at.below + at.way * (at.above - at.below);
}

float sorted_quantile(std::span<const float> sorted, double fraction) {
  const Neighbours<float> at(sorted, fraction);
  return std::lerp(at.below, at.above, static_cast<float>(at.way));
}

std::optional<double> quantile_of(std::vector<double> values, double fraction) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return sorted_quantile(values, fraction);
}

}  // namespace sinkscope
