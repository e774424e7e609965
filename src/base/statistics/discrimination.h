#pragma once

#include <optional>
#include <span>

namespace sinkscope {

// Area under the ROC curve: how often a positive scores higher than a negative; equal scores count one half.
//
// returns  nothing if either side is empty
// cost     O(n log n)
std::optional<double> area_under_roc(std::span<const double> positives, std::span<const double> negatives);

}  // namespace sinkscope
