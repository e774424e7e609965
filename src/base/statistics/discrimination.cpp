#include "base/statistics/discrimination.h"

#include <vector>

#include "base/statistics/ranks.h"

namespace sinkscope {

std::optional<double> area_under_roc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return std::nullopt;
  std::vector<double> all(positives.begin(), positives.end());
  all.insert(all.end(), negatives.begin(), negatives.end());
  const std::vector<double> ranks = ranks_of(all);
  double sum = 0;
  for (std::size_t i = 0; i < positives.size(); ++i) sum += ranks[i];
  const auto n = static_cast<double>(positives.size());
  return (sum - n * (n + 1) / 2) / n / static_cast<double>(negatives.size());
}

}  // namespace sinkscope
