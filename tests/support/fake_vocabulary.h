#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probe/vocabulary.h"

namespace sinkscope {

inline constexpr TokenId kFakeBos = 256, kFakeEos = 257;

// A token is a byte; "<s>" and "</s>" are BOS and EOS where special text is parsed.
class FakeVocabulary final : public Vocabulary {
 public:
  explicit FakeVocabulary(bool adds_bos = true) {
    facts_.name = "fake model";
    facts_.n_vocab = kFakeEos + 1;
    facts_.bos = kFakeBos;
    facts_.adds_bos = adds_bos;
    facts_.eos = kFakeEos;
  }
  static FakeVocabulary without_bos() {
    FakeVocabulary vocabulary(false);
    vocabulary.facts_.bos = -1;
    return vocabulary;
  }

  FakeVocabulary& pad_with(TokenId token) {
    facts_.pad = token;
    return *this;
  }

  const VocabularyFacts& facts() const override { return facts_; }
  std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const override {
    std::vector<TokenId> tokens;
    while (!text.empty()) {
      std::size_t length = 1;
      TokenId token = static_cast<unsigned char>(text[0]);
      for (const TokenId special : {kFakeBos, kFakeEos}) {
        const std::string name = token_bytes(special);
        if (!parse_special || !text.starts_with(name)) continue;
        token = special;
        length = name.size();
      }
      tokens.push_back(token);
      text.remove_prefix(length);
    }
    return tokens;
  }
  std::vector<ControlToken> control_tokens() const override {
    return {{kFakeEos, "</s>", false, false}, {kFakeBos, "<s>", false, false}};
  }
  std::string token_bytes(TokenId token) const override {
    if (token == kFakeBos) return "<s>";
    if (token == kFakeEos) return "</s>";
    return std::string(1, static_cast<char>(token));
  }
  bool ends_text(TokenId token) const override { return token == kFakeEos; }
  std::string chat_template() const override { return ""; }

 private:
  VocabularyFacts facts_;
};

}  // namespace sinkscope
