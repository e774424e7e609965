#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "levels/levels.h"
#include "sinks/detection.h"

namespace sinkscope {

// Numbers, layers and tokens as sentences, pages and figures say them. web/src/ui/format.ts writes them alike.

// Three digits or so: 123, 12.3, 1.23, 0.123; an en dash where nothing was measured.
std::string in_digits(std::optional<double> value);
std::string in_percent(std::optional<double> fraction);
std::string grouped(std::int64_t n);                                 // 1,234
std::string counted(std::int64_t n, std::string_view noun);          // 1 sink, 1,234 sinks
std::string layer_range(int first, int last);                        // layer 3, layers 3–7
std::string layer_ranges(const std::vector<LayerInterval>& ranges);  // layers 0–2 and 5
std::string level_name(const Level& level);                          // 4–15; 4–15+ where ends are lower bounds
std::string_view kind_name(SinkKind kind);                           // primary-like for primary_like
// A token on one line in which nothing is invisible: blanks are U+2423, none at all U+2205.
std::string token_name(std::string_view bytes);

}  // namespace sinkscope
