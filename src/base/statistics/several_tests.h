#pragma once

#include <optional>
#include <span>
#include <vector>

namespace sinkscope {

// Benjamini and Hochberg's adjusted p-values: those at most q are discoveries of which, on average, a fraction q is
// false.
//
// p        [n], each in [0, 1], in any order
// returns  [n], in the order of p
// source   Benjamini and Hochberg 1995
std::vector<double> benjamini_hochberg(std::span<const double> p);

// Holm's adjusted p-values: the chance of a single false discovery among those at most q is at most q.
//
// source  Holm 1979
std::vector<double> holm(std::span<const double> p);

// One p-value of several independent ones: -2 sum of log p has a chi-squared distribution of 2 n degrees of freedom.
//
// p        each in (0, 1]
// returns  nothing of none
// source   Fisher 1925
std::optional<double> fisher_combined(std::span<const double> p);

}  // namespace sinkscope
