#include "text/bounded_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace sinkscope {
namespace {

// Brackets outside of strings; right for anything that then parses.
int nesting_depth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

nlohmann::json parse_bounded_json(std::string_view text, int max_depth) {
  if (const int depth = nesting_depth(text); depth > max_depth) {
    throw Error(ErrorCode::kInput, fmt::format("JSON nests {} deep: expected at most {}", depth, max_depth));
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorCode::kInput, fmt::format("not valid JSON at byte {}", error.byte));
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kInput, "not valid JSON: a number is out of range");
  }
}

}  // namespace sinkscope
