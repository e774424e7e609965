#include "engine/llama/vocabulary.h"

#include <llama.h>

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace sinkscope {

Tokenizer::Tokenizer(const llama_vocab* vocab) : vocab_(vocab) {
  const int n_vocab = llama_vocab_n_tokens(vocab);
  for (TokenId token = 0; token < n_vocab; ++token) {
    char piece[4];
    if (llama_vocab_is_control(vocab, token)) continue;
    if (llama_token_to_piece(vocab, token, piece, sizeof piece, 0, false) != 1) continue;
    auto& slot = byte_token_[static_cast<unsigned char>(piece[0])];
    if (!slot) slot = token;
  }
}

std::vector<TokenId> Tokenizer::tokenize(std::string_view text, bool parse_special) const {
  std::vector<TokenId> tokens;
  std::size_t valid_from = 0, at = 0;
  const auto take_valid = [&] {
    if (at == valid_from) return;
    const auto more = tokenize_valid(text.substr(valid_from, at - valid_from), parse_special);
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  while (at < text.size()) {
    const std::size_t length = utf8_length(text, at);
    const auto& byte = byte_token_[static_cast<unsigned char>(text[at])];
    if (length > 0 || !byte) {
      at += std::max<std::size_t>(length, 1);
      continue;
    }
    take_valid();
    tokens.push_back(*byte);
    valid_from = ++at;
  }
  take_valid();
  return tokens;
}

std::vector<TokenId> Tokenizer::tokenize_valid(std::string_view text, bool parse_special) const {
  const auto length = static_cast<std::int32_t>(text.size());
  std::vector<TokenId> tokens(text.size() + 8);
  const auto fill = [&] {
    return llama_tokenize(vocab_, text.data(), length, tokens.data(), static_cast<std::int32_t>(tokens.size()), false,
                          parse_special);
  };
  std::int32_t n = fill();
  if (n < 0) {
    tokens.resize(static_cast<std::size_t>(-n));
    n = fill();
  }
  if (n < 0) throw Error(ErrorCode::kInput, "text: expected text that the model's tokeniser takes, got a refusal");
  tokens.resize(static_cast<std::size_t>(n));
  return tokens;
}

std::string Tokenizer::token_bytes(TokenId token) const {
  std::string piece(64, '\0');
  const auto fill = [&] {
    return llama_token_to_piece(vocab_, token, piece.data(), static_cast<std::int32_t>(piece.size()), 0, true);
  };
  std::int32_t n = fill();
  if (n < 0) {
    piece.resize(static_cast<std::size_t>(-n));
    n = fill();
  }
  piece.resize(static_cast<std::size_t>(std::max(n, 0)));
  return piece;
}

}  // namespace sinkscope
