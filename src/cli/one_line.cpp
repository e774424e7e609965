#include "cli/one_line.h"

#include "base/display_text.h"

namespace sinkscope {

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return displayable(text);
}

}  // namespace sinkscope
