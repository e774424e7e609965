#include "base/statistics/several_tests.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sinkscope {
namespace {

std::vector<std::size_t> ascending(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  return order;
}

}  // namespace

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    smallest = std::min(smallest, p[order[i]] * static_cast<double>(p.size()) / static_cast<double>(i + 1));
    adjusted[order[i]] = smallest;
  }
  return adjusted;
}

std::vector<double> holm(std::span<const double> p) {
  const auto order = ascending(p);
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, p[order[i]] * static_cast<double>(p.size() - i));
    adjusted[order[i]] = std::min(largest, 1.0);
  }
  return adjusted;
}

std::optional<double> fisher_combined(std::span<const double> p) {
  if (p.empty()) return std::nullopt;
  double half = 0;  // of the statistic
  for (const double each : p) half -= std::log(each);
  // With an even number of degrees of freedom the upper tail is a sum: exp(-x) (1 + x + ... + x^(n-1) / (n-1)!). Its
  // terms are taken as logarithms, since exp(-x) alone may vanish.
  double tail = 0, log_term = -half;
  for (std::size_t k = 0; k < p.size(); ++k) {
    tail += std::exp(log_term);
    if (half == 0) break;
    log_term += std::log(half) - std::log(static_cast<double>(k + 1));
  }
  return std::min(tail, 1.0);
}

}  // namespace sinkscope
