#include "text/bounded_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>

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

bool is_word_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

// Python writes numbers that JSON does not have: NaN, Infinity and -Infinity, outside of strings, become null.
//
// returns  the text with nulls; empty if there is no such number
std::string without_lost_numbers(std::string_view text) {
  std::string clean;
  std::size_t copied = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string) {
      if (text[i] == '\\') {
        ++i;
      } else {
        in_string = text[i] != '"';
      }
      continue;
    }
    in_string = text[i] == '"';
    if (text[i] != 'N' && text[i] != 'I' && text[i] != '-') continue;
    for (const std::string_view name : {"NaN", "-Infinity", "Infinity"}) {
      const std::size_t end = i + name.size();
      const bool is_whole = (i == 0 || !is_word_byte(text[i - 1])) && (end >= text.size() || !is_word_byte(text[end]));
      if (!is_whole || text.substr(i, name.size()) != name) continue;
      clean.append(text, copied, i - copied).append("null");
      copied = end;
      i = end - 1;
      break;
    }
  }
  return copied == 0 ? std::string() : clean.append(text, copied);
}

nlohmann::ordered_json parse(std::string_view text) {
  try {
    return nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::ordered_json::parse_error&) {
    const std::string clean = without_lost_numbers(text);
    if (clean.empty()) throw;
    return nlohmann::ordered_json::parse(clean);
  }
}

}  // namespace

nlohmann::ordered_json parse_bounded_json(std::string_view text, int max_depth) {
  if (const int depth = nesting_depth(text); depth > max_depth) {
    throw Error(ErrorCode::kInput, fmt::format("JSON nests {} deep: expected at most {}", depth, max_depth));
  }
  try {
    return parse(text);
  } catch (const nlohmann::ordered_json::parse_error& error) {
    throw Error(ErrorCode::kInput, fmt::format("not valid JSON at byte {}", error.byte));
  } catch (const nlohmann::ordered_json::exception&) {
    throw Error(ErrorCode::kInput, "not valid JSON: a number is out of range");
  }
}

}  // namespace sinkscope
