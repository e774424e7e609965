#pragma once

#include <string>

namespace sinkscope {

// Text as one line for a terminal: names and messages come from files that nobody vouches for. Line ends and tabs
// become blanks; the rest is as displayable() has it, so that nothing is left that a terminal would obey. Twice is as
// once.
std::string one_line(std::string text);

}  // namespace sinkscope
