#include "report/page/token_text.h"

#include "base/utf8.h"

namespace sinkscope {

std::vector<std::string> token_texts(const std::vector<std::string>& token_bytes) {
  std::string text;
  std::vector<std::size_t> ends;
  for (const std::string& bytes : token_bytes) ends.push_back((text += bytes).size());
  std::vector<std::string> shown(token_bytes.size());
  std::size_t token = 0;
  std::size_t at = 0;
  for (const Utf8Piece& piece : Utf8Pieces(text)) {
    while (ends[token] <= at) ++token;
    shown[token] += piece.code ? piece.bytes : "\uFFFD";
    at += piece.bytes.size();
  }
  return shown;
}

}  // namespace sinkscope
