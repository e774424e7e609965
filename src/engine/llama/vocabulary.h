#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/llama/model_file.h"
#include "engine/llama/special_tokens.h"
#include "probe/vocabulary.h"

struct llama_model;
struct llama_vocab;

namespace sinkscope {

// Loads a model's vocabulary and nothing else of it.
//
// throws  Error{kModel} if llama.cpp does not know the tokeniser or the architecture
// cost    builds the tokeniser: some 0.1 s for each 50,000 tokens
std::shared_ptr<const Vocabulary> load_vocabulary(const ModelFile& file);

// llama.cpp's tokeniser, but for one thing: bytes that are no UTF-8 become the vocabulary's byte tokens instead of
// U+FFFD, where the vocabulary has them. A text so cut is tokenised piece by piece.
class LlamaVocabulary final : public Vocabulary {
 public:
  // model  whose vocabulary it is; shared, and kept
  // path   of its file, after which a model without a name is called
  LlamaVocabulary(std::shared_ptr<llama_model> model, const std::string& path);

  const VocabularyFacts& facts() const override { return facts_; }
  std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const override;
  std::vector<ControlToken> control_tokens() const override;
  std::string token_bytes(TokenId token) const override;
  bool ends_text(TokenId token) const override;
  std::string chat_template() const override;

 private:
  using ByteTokens = std::array<std::optional<TokenId>, 256>;
  std::vector<TokenId> tokenize_valid(std::string_view text, bool parse_special) const;
  std::vector<TokenId> tokenize_piece(std::string_view text, bool parse_special) const;
  const ByteTokens& byte_tokens() const;

  std::shared_ptr<llama_model> model_;
  const llama_vocab* vocab_;
  VocabularyFacts facts_;
  mutable std::once_flag special_tokens_once_;  // long texts need them
  mutable std::optional<SpecialTokens> special_tokens_;
  mutable std::once_flag byte_tokens_once_;  // few texts need them, and they ask for every token of the vocabulary
  mutable ByteTokens byte_tokens_;
};

}  // namespace sinkscope
