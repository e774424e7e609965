#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sinkscope {

// Numbers and layers as sentences say them.

std::string grouped(std::int64_t n);                          // 1,234
std::string plural(std::int64_t n, std::string_view noun);    // sink of 1, sinks of 0 and 2
std::string counted(std::int64_t n, std::string_view noun);   // 1 sink, 1,234 sinks
std::string count_of(std::int64_t n, std::string_view noun);  // 1 sink, 1234 sinks

// A number with `digits` digits behind the point. A number that rounds to zero has no sign.
std::string fixed(double value, int digits);
// The same with a + where it is positive, for changes.
std::string signed_fixed(double value, int digits);

using IntRange = std::pair<int, int>;  // first and last, both included

// Neighbours joined: 0 1 2 5 become (0, 2) and (5, 5).
//
// ascending  without repeats
std::vector<IntRange> ranges_of(std::span<const int> ascending);

std::string layer_range(int first, int last);                   // layer 3, layers 3–7
std::string layer_ranges(const std::vector<IntRange>& ranges);  // no layer, layer 3, layers 0–2 and 5
std::string plain_ranges(const std::vector<IntRange>& ranges);  // 0-2, 5: for tables, in ASCII

}  // namespace sinkscope
