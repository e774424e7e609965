#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace sinkscope {

// Every median and quantile of the project. They differ in what they answer between two values, so each has a name.
// Values are never NaN. Where a comment does not say otherwise, they are not empty, they are reordered, and it costs
// O(n).

// The middle value; of an even count the mean of the middle two.
float median_of(std::span<float> values);
double median_of(std::span<double> values);

// The middle value; of an even count the larger of the middle two, so always one of the values.
int upper_median_of(std::span<int> values);

// The value at index floor(n / 4) of the n sorted values.
float lower_quartile_of(std::span<float> values);

// The n-th largest value.
//
// n  1 .. size
float nth_largest(std::span<float> values, std::size_t n);

// The value that a fraction of the others lie below, between neighbours in proportion (numpy's "linear"):
//
//   at = fraction * (n - 1);  sorted[floor(at)] + (at - floor(at)) * (sorted[floor(at) + 1] - sorted[floor(at)])
//
// sorted    ascending, not empty; not changed
// fraction  0 .. 1
// cost      O(1)
double sorted_quantile(std::span<const double> sorted, double fraction);
// The same by std::lerp in float32: between two values of other signs it may be a rounding apart from the formula.
float sorted_quantile(std::span<const float> sorted, double fraction);

// The same of values in any order; nothing of none.
//
// cost  O(n log n)
std::optional<double> quantile_of(std::vector<double> values, double fraction);

}  // namespace sinkscope
