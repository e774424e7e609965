#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace sinkscope {

inline constexpr int kMaxJsonDepth = 64;

// JSON that nobody vouches for.
//
// returns  the value; strings are UTF-8. Numbers that only Python's JSON has (NaN, Infinity) are null
// throws   Error{kInput} with the place, if it is no JSON or nests deeper than max_depth
nlohmann::json parse_bounded_json(std::string_view text, int max_depth = kMaxJsonDepth);

}  // namespace sinkscope
