#pragma once

#include <string>

namespace sinkscope {

// Text as one line for a terminal: names and messages come from files that nobody vouches for, and control
// characters in them would move the cursor. Line ends become blanks, other control characters question marks.
std::string one_line(std::string text);

}  // namespace sinkscope
