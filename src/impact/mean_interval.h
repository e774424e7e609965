#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/statistics/intervals.h"

namespace sinkscope {

// The BCa interval of a mean over documents.
//
// values   [documents]
// returns  nothing of under 2; where all are one number, that number
// cost     n_draws sums
std::optional<Interval> mean_interval(std::span<const double> values, int n_draws, std::uint64_t seed);

}  // namespace sinkscope
