#include "engine/llama/vocabulary.h"

#include <llama.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <new>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/llama/fatal_signals.h"
#include "engine/llama/llama_library.h"
#include "engine/llama/llama_overrides.h"
#include "engine/llama/loading.h"
#include "engine/llama/model_description.h"

namespace sinkscope {
namespace {

// llama.cpp looks up bytes and tokens that a vocabulary should have; where one lacks them, the look-up throws.
template <typename Work>
std::int32_t look_up(const Work& work) {
  const EngineAtWork at_work;
  try {
    return work();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kModel, std::string("vocabulary: expected one that can spell any text, got a look-up that "
                                               "failed (") +
                                       error.what() + "); fetch the model again, or convert it again");
  }
}

}  // namespace

std::shared_ptr<const Vocabulary> load_vocabulary(const ModelFile& file) {
  start_llama();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  LlamaOverrides overrides;
  overrides.add(file.overrides());
  params.kv_overrides = overrides.list();
  return std::make_shared<LlamaVocabulary>(load_llama_model(file.path(), params), file.path());
}

LlamaVocabulary::LlamaVocabulary(std::shared_ptr<llama_model> model, const std::string& path)
    : model_(std::move(model)),
      vocab_(llama_model_get_vocab(model_.get())),
      facts_(vocabulary_facts_of(model_.get(), path)) {}

std::string LlamaVocabulary::chat_template() const {
  const char* text = llama_model_chat_template(model_.get(), nullptr);
  return text ? text : "";
}

bool LlamaVocabulary::ends_text(TokenId token) const { return llama_vocab_is_eog(vocab_, token); }

const LlamaVocabulary::ByteTokens& LlamaVocabulary::byte_tokens() const {
  std::call_once(byte_tokens_once_, [this] {
    for (TokenId token = 0; token < facts_.n_vocab; ++token) {
      char piece[4];
      if (llama_vocab_is_control(vocab_, token)) continue;
      const auto fill = [&] { return llama_token_to_piece(vocab_, token, piece, sizeof piece, 0, false); };
      if (look_up(fill) != 1) continue;
      auto& slot = byte_tokens_[static_cast<unsigned char>(piece[0])];
      if (!slot) slot = token;
    }
  });
  return byte_tokens_;
}

std::vector<TokenId> LlamaVocabulary::tokenize(std::string_view text, bool parse_special) const {
  std::vector<TokenId> tokens;
  std::size_t valid_from = 0, at = 0;
  const auto take_valid = [&] {
    if (at == valid_from) return;
    const auto more = tokenize_valid(text.substr(valid_from, at - valid_from), parse_special);
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  while (at < text.size()) {
    if (const std::size_t length = utf8_length(text, at); length > 0) {
      at += length;
      continue;
    }
    const auto& byte = byte_tokens()[static_cast<unsigned char>(text[at])];
    if (!byte) {
      ++at;
      continue;
    }
    take_valid();
    tokens.push_back(*byte);
    valid_from = ++at;
  }
  take_valid();
  return tokens;
}

std::vector<TokenId> LlamaVocabulary::tokenize_valid(std::string_view text, bool parse_special) const {
  constexpr std::size_t kApart = 4096;
  if (text.size() < 2 * kApart) return tokenize_piece(text, parse_special);
  std::call_once(special_tokens_once_, [this] { special_tokens_.emplace(vocab_); });
  std::vector<TokenId> tokens;
  for (const TextPart& part : special_tokens_->parts(text, parse_special, kApart)) {
    if (part.token >= 0) {
      tokens.push_back(part.token);
      continue;
    }
    const auto more = tokenize_piece(text.substr(part.begin, part.end - part.begin), part.has_control);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  return tokens;
}

std::vector<TokenId> LlamaVocabulary::tokenize_piece(std::string_view text, bool parse_special) const {
  const auto length = static_cast<std::int32_t>(text.size());
  std::vector<TokenId> tokens(text.size() + 8);
  const auto fill = [&] {
    return look_up([&] {
      return llama_tokenize(vocab_, text.data(), length, tokens.data(), static_cast<std::int32_t>(tokens.size()), false,
                            parse_special);
    });
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

std::vector<ControlToken> LlamaVocabulary::control_tokens() const {
  std::vector<ControlToken> tokens;
  for (TokenId token = 0; token < facts_.n_vocab; ++token) {
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(vocab_, token));
    if ((attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) == 0) continue;
    tokens.push_back({token, llama_vocab_get_text(vocab_, token), (attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0,
                      (attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0});
  }
  std::ranges::stable_sort(tokens, std::greater(), [](const ControlToken& token) { return token.text.size(); });
  return tokens;
}

std::string LlamaVocabulary::token_bytes(TokenId token) const {
  check_token(token, facts_.n_vocab);
  std::string piece(64, '\0');
  const auto fill = [&] {
    return look_up([&] {
      return llama_token_to_piece(vocab_, token, piece.data(), static_cast<std::int32_t>(piece.size()), 0, true);
    });
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
