#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/words.h"
#include "levels/levels.h"
#include "sinks/detection.h"

namespace sinkscope {

// Numbers, levels and tokens as sentences, pages and figures say them, beside what base/words.h has.
// web/src/ui/format.ts writes them alike.

// Three digits or so: 123, 12.3, 1.23, 0.123; an en dash where nothing was measured.
std::string in_digits(std::optional<double> value);
std::string in_percent(std::optional<double> fraction);
std::string level_name(const Level& level);  // 4–15; 4–15+ where ends are lower bounds
std::string_view kind_name(SinkKind kind);   // primary-like for primary_like
// A token on one line in which nothing is invisible: blanks are U+2423, none at all U+2205.
std::string token_name(std::string_view bytes);

}  // namespace sinkscope
