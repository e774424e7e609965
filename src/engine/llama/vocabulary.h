#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

struct llama_vocab;

namespace sinkscope {

// llama.cpp's tokeniser, but for one thing: bytes that are no UTF-8 become the vocabulary's byte tokens instead of
// U+FFFD, where the vocabulary has them. A text so cut is tokenised piece by piece.
class Tokenizer {
 public:
  explicit Tokenizer(const llama_vocab* vocab);

  std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const;
  std::string token_bytes(TokenId token) const;

 private:
  std::vector<TokenId> tokenize_valid(std::string_view text, bool parse_special) const;

  const llama_vocab* vocab_;
  std::array<std::optional<TokenId>, 256> byte_token_;
};

}  // namespace sinkscope
