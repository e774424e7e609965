#include "report/page/token_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace sinkscope {

std::vector<std::string> token_texts(const std::vector<std::string>& token_bytes) {
  std::string text;
  std::vector<std::size_t> ends;
  for (const std::string& bytes : token_bytes) ends.push_back((text += bytes).size());
  std::vector<std::string> shown(token_bytes.size());
  std::size_t token = 0;
  for (std::size_t at = 0; at < text.size();) {
    while (ends[token] <= at) ++token;
    const std::size_t length = utf8_length(text, at);
    shown[token] += length == 0 ? "\uFFFD" : text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return shown;
}

}  // namespace sinkscope
