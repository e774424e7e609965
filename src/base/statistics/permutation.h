#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/statistics/random.h"

namespace sinkscope {

struct PermutationOptions {
  int n_draws = 10'000;
  std::uint64_t seed = 1;
};

// Exchanges values within their groups, each order equally likely.
//
// groups  [n], any numbers; equal ones are one group
class GroupShuffle {
 public:
  explicit GroupShuffle(std::span<const int> groups);
  // values  [n]
  template <typename T>
  void shuffle(std::span<T> values, RandomStream& random) const {
    for (const std::vector<std::size_t>& members : groups_) {
      for (std::size_t i = members.size(); i > 1; --i)
        std::swap(values[members[i - 1]], values[members[random.below(i)]]);
    }
  }

 private:
  std::vector<std::vector<std::size_t>> groups_;
};

// How rare the observed statistic is among draws of the null: (1 + draws at least as extreme) / (1 + draws). Equal up
// to rounding (1e-12, relative) counts as extreme.
//
// null  what draw number `draw` of the null gives
double p_upper(double observed, const PermutationOptions& options, const std::function<double(RandomStream&)>& null);
// The same of magnitudes, for statistics of mean 0.
double p_two_sided(double observed, const PermutationOptions& options,
                   const std::function<double(RandomStream&)>& null);

// Whether two paired series depend on each other within groups: the sum of products, as x is exchanged within groups;
// two-sided, the mean of what exchange does taken off.
//
// x, y, groups  [n]
double p_dependence(std::span<const double> x, std::span<const double> y, std::span<const int> groups,
                    const PermutationOptions& options);

// Whether values are symmetric around 0: the mean, as signs are drawn; two-sided. Exact where 2^n <= n_draws.
//
// returns  nothing of none
std::optional<double> p_sign_flip(std::span<const double> values, const PermutationOptions& options);

}  // namespace sinkscope
