#include "engine/llama/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinkscope {
namespace {

using testing::ElementsAre;

constexpr TokenId kBegin = 256, kEnd = 257, kPair = 300;

// A token is a byte, but "ab" is one; "<s>" and "</s>" are control tokens, and blanks after "<s>" go with it.
class MergingVocabulary final : public Vocabulary {
 public:
  const VocabularyFacts& facts() const override { return facts_; }
  std::vector<TokenId> tokenize(std::string_view text, bool parse_special) const override {
    std::vector<TokenId> tokens;
    while (!text.empty()) {
      std::size_t length = 1;
      TokenId token = static_cast<unsigned char>(text[0]);
      if (text.starts_with("ab")) std::tie(token, length) = std::pair(kPair, 2);
      if (parse_special && text.starts_with("</s>")) std::tie(token, length) = std::pair(kEnd, 4);
      if (parse_special && text.starts_with("<s>")) {
        std::tie(token, length) = std::pair(kBegin, 3);
        while (length < text.size() && text[length] == ' ') ++length;
      }
      tokens.push_back(token);
      text.remove_prefix(length);
    }
    return tokens;
  }
  std::vector<ControlToken> control_tokens() const override { return {{kEnd, "</s>", false, false}, {kBegin, "<s>", false, true}}; }
  std::string token_bytes(TokenId token) const override { return std::string(1, static_cast<char>(token)); }
  bool ends_text(TokenId) const override { return false; }
  std::string chat_template() const override { return ""; }

 private:
  VocabularyFacts facts_;
};

std::vector<TokenId> tokens_of(const std::vector<ChatPiece>& pieces, bool parse_special = false) {
  return tokenize_pieces(MergingVocabulary(), pieces, parse_special);
}

TEST(ChatTokens, MergeOverTheEdgesOfMessages) {
  EXPECT_THAT(tokens_of({{"<s>a", false}, {"b", true}, {"</s>", false}}), ElementsAre(kBegin, kPair, kEnd));
}

TEST(ChatTokens, AreTextWhereAMessageNamesThem) {
  const std::vector<ChatPiece> pieces = {{"<s>  a", false}, {"b</s>a", true}, {"b</s>", false}};
  EXPECT_THAT(tokens_of(pieces), ElementsAre(kBegin, kPair, '<', '/', 's', '>', kPair, kEnd));
  EXPECT_THAT(tokens_of(pieces, true), ElementsAre(kBegin, kPair, kEnd, kPair, kEnd));
}

TEST(ChatTokens, AreTextWhereTheyBeginOrEndInAMessage) {
  EXPECT_THAT(tokens_of({{"<", false}, {"s>ab", true}}), ElementsAre('<', 's', '>', kPair));
  EXPECT_THAT(tokens_of({{"a</", true}, {"s>", false}}), ElementsAre('a', '<', '/', 's', '>'));
}

TEST(ChatTokens, OfNothingAreNone) { EXPECT_TRUE(tokens_of({}).empty()); }

}  // namespace
}  // namespace sinkscope
