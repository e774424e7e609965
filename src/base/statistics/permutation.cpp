#include "base/statistics/permutation.h"

#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"

namespace sinkscope {
namespace {

bool as_large(double value, double observed) { return value >= observed - 1e-12 * std::abs(observed); }

}  // namespace

GroupShuffle::GroupShuffle(std::span<const int> groups) {
  std::map<int, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < groups.size(); ++i) members[groups[i]].push_back(i);
  for (auto& [group, of_group] : members) groups_.push_back(std::move(of_group));
}

double p_upper(double observed, const PermutationOptions& options, const std::function<double(RandomStream&)>& null) {
  std::int64_t extreme = 0;
  for (int draw = 0; draw < options.n_draws; ++draw) {
    RandomStream random(options.seed, static_cast<std::uint64_t>(draw));
    if (as_large(null(random), observed)) ++extreme;
  }
  return static_cast<double>(1 + extreme) / static_cast<double>(1 + options.n_draws);
}

double p_two_sided(double observed, const PermutationOptions& options,
                   const std::function<double(RandomStream&)>& null) {
  return p_upper(std::abs(observed), options, [&](RandomStream& random) { return std::abs(null(random)); });
}

double p_dependence(std::span<const double> x, std::span<const double> y, std::span<const int> groups,
                    const PermutationOptions& options) {
  if (x.size() != y.size() || x.size() != groups.size()) {
    throw Error(ErrorCode::kShape, "permutation: expected as many values and groups on both sides");
  }
  // About the groups' means: then exchange within groups leaves a mean of 0.
  const auto centred = [&](std::span<const double> values) {
    std::map<int, std::pair<double, int>> sums;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sums[groups[i]].first += values[i];
      ++sums[groups[i]].second;
    }
    std::vector<double> result(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i) result[i] -= sums[groups[i]].first / sums[groups[i]].second;
    return result;
  };
  const std::vector<double> fixed = centred(y), moved = centred(x);
  const auto product = [&](std::span<const double> values) {
    return std::inner_product(values.begin(), values.end(), fixed.begin(), 0.0);
  };
  const GroupShuffle shuffle(groups);
  std::vector<double> drawn;
  return p_two_sided(product(moved), options, [&](RandomStream& random) {
    drawn = moved;
    shuffle.shuffle(std::span<double>(drawn), random);
    return product(drawn);
  });
}

std::optional<double> p_sign_flip(std::span<const double> values, const PermutationOptions& options) {
  if (values.empty()) return std::nullopt;
  const double observed = std::abs(std::accumulate(values.begin(), values.end(), 0.0));
  const auto sum_with = [&](const std::function<bool(std::size_t)>& flipped) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += flipped(i) ? -values[i] : values[i];
    return std::abs(sum);
  };
  if (values.size() < 31 && (std::int64_t{1} << values.size()) <= options.n_draws) {
    const std::uint32_t all = std::uint32_t{1} << values.size();
    std::int64_t extreme = 0;
    for (std::uint32_t signs = 0; signs < all; ++signs) {
      if (as_large(sum_with([&](std::size_t i) { return (signs >> i & 1U) != 0; }), observed)) ++extreme;
    }
    return static_cast<double>(extreme) / static_cast<double>(all);
  }
  return p_upper(observed, options, [&](RandomStream& random) {
    return sum_with([&](std::size_t) { return (random.next() & 1U) != 0; });
  });
}

}  // namespace sinkscope
