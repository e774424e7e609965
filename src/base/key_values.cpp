#include "base/key_values.h"

#include <algorithm>

namespace sinkscope {

std::map<std::string, std::string> key_values_of(std::string_view text,
                                                 const std::function<void(const std::string& got)>& refuse) {
  std::map<std::string, std::string> pairs;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t equals = std::min(text.find('=', at), text.size());
    const std::string key(text.substr(at, equals - at));
    if (equals == text.size()) refuse("'" + key + "' without a value");
    at = std::min(equals + 1, text.size());
    std::string value;
    if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
      const std::size_t close = text.find(text[at], at + 1);
      if (close == std::string_view::npos) refuse("a quote that is not closed");
      value = text.substr(at + 1, close - at - 1);
      at = close + 1;
      if (at < text.size() && text[at] != ',') refuse("something behind a closing quote");
    } else {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      value = text.substr(at, comma - at);
      at = comma;
    }
    if (value.empty()) refuse("'" + key + "' without a value");
    if (!pairs.emplace(key, value).second) refuse("'" + key + "' twice");
    ++at;
  }
  return pairs;
}

}  // namespace sinkscope
