#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace sinkscope {

inline constexpr int kMaxJsonDepth = 64;

// Untrusted JSON.
//
// returns  the value, members in the order of the text; strings are UTF-8. Numbers that only Python's JSON has (NaN, Infinity) are null
// throws   Error{kInput} with the place, if it is no JSON or nests deeper than max_depth
nlohmann::ordered_json parse_bounded_json(std::string_view text, int max_depth = kMaxJsonDepth);

}  // namespace sinkscope
