#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "sinks/direction.h"

namespace sinkscope {

// A sink as it is asked for on the command line.
struct SinkSpec {
  int layer = -1;
  std::string token;          // the token's text, or
  std::optional<TokenId> id;  // its number
  std::optional<double> norm;
  std::optional<std::string> direction;
};

// text    layer=14,token=' time',norm=4000 with direction=NAME and id=NUMBER (for token=) where wanted. A value in
//         single or double quotes may hold commas
// throws  Error{kUsage} if a key is unknown, missing or twice, or a value is none
SinkSpec parse_sink_spec(std::string_view text);

// text    300:6000:8 is eight norms from 300 to 6000, each the same factor above the one before
// throws  Error{kUsage}
std::vector<double> parse_norm_ladder(std::string_view text);

}  // namespace sinkscope
