#include "scan/document_tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_vocabulary.h"

namespace sinkscope {
namespace {

using Tokens = std::vector<TokenId>;

Tokens first_tokens(const Vocabulary& vocabulary, const TokenizeOptions& options, const Document& document) {
  const DocumentTokenizer tokenizer(vocabulary, options,
                                    [](const ChatMessages&) { return Tokens{kFakeBos, 'c', 'h'}; });
  return tokenizer(document).front().tokens;
}

TokenizeOptions with(BosMode bos, bool special = false) { return {.bos = bos, .special = special}; }

TEST(DocumentTokenizer, BosIsWhatTheModelSaysUnlessTold) {
  const FakeVocabulary adds(true), plain(false);
  const Document text{{}, "", "ab"};
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), text), (Tokens{kFakeBos, 'a', 'b'}));
  EXPECT_EQ(first_tokens(adds, with(BosMode::kOff), text), (Tokens{'a', 'b'}));
  EXPECT_EQ(first_tokens(plain, with(BosMode::kAuto), text), (Tokens{'a', 'b'}));
  EXPECT_EQ(first_tokens(plain, with(BosMode::kOn), text), (Tokens{kFakeBos, 'a', 'b'}));
}

TEST(DocumentTokenizer, NeverTwoBos) {
  const FakeVocabulary adds(true);
  for (const BosMode bos : {BosMode::kAuto, BosMode::kOn}) {
    EXPECT_EQ(first_tokens(adds, with(bos, true), {{}, "", "<s>a"}), (Tokens{kFakeBos, 'a'}));
    EXPECT_EQ(first_tokens(adds, with(bos), {{}, "", ChatMessages{}}), (Tokens{kFakeBos, 'c', 'h'}));
    EXPECT_EQ(first_tokens(adds, with(bos), {{}, "", Tokens{kFakeBos, 'a'}}), (Tokens{kFakeBos, 'a'}));
  }
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), {{}, "", "<s>"}), (Tokens{kFakeBos, '<', 's', '>'}));
}

TEST(DocumentTokenizer, TokenIdsAreTakenAsTheyAre) {
  const FakeVocabulary adds(true);
  EXPECT_EQ(first_tokens(adds, with(BosMode::kAuto), {{}, "", Tokens{'a'}}), (Tokens{'a'}));
  EXPECT_EQ(first_tokens(adds, with(BosMode::kOn), {{}, "", Tokens{'a'}}), (Tokens{kFakeBos, 'a'}));
  EXPECT_THROW(first_tokens(adds, with(BosMode::kAuto), {{}, "", Tokens{'a', 258}}), Error);
}

TEST(DocumentTokenizer, PaddingAtTheEndIsCut) {
  FakeVocabulary vocabulary(false);
  vocabulary.pad_with('_');
  const Tokens padded = {'_', 'a', '_', '_', 'b', '_', '_', '_'};
  const DocumentTokenizer tokenizer(vocabulary, {}, {});
  EXPECT_TRUE(tokenizer.notes().empty());
  EXPECT_EQ(tokenizer({{}, "", padded}).front().tokens, (Tokens{'_', 'a', '_', '_', 'b'}));
  EXPECT_EQ(tokenizer({{}, "", Tokens{'a'}}).front().tokens, (Tokens{'a'}));
  EXPECT_EQ(tokenizer.notes(), std::vector<std::string>{"padding at the end of 1 text is not measured: 3 tokens"});
  EXPECT_EQ(tokenizer({{}, "", "b_"}).front().tokens, (Tokens{'b'}));
  EXPECT_EQ(tokenizer.notes(), std::vector<std::string>{"padding at the end of 2 texts is not measured: 4 tokens"});
  // A prompt stays whole, and so does a text of nothing else.
  EXPECT_EQ(tokenizer({{}, Tokens{'a', '_'}, Tokens{'_', '_'}}).front().tokens, (Tokens{'a', '_'}));
  EXPECT_EQ(tokenizer({{}, "", Tokens{'_', '_'}}).front().tokens, (Tokens{'_', '_'}));
  TokenizeOptions as_it_is;
  as_it_is.cut_padding = false;
  EXPECT_EQ(first_tokens(vocabulary, as_it_is, {{}, "", padded}), padded);
  EXPECT_EQ(first_tokens(FakeVocabulary(false), {}, {{}, "", padded}), padded);
  // Where one token ends texts and pads, the first one is the text's.
  vocabulary.pad_with(kFakeEos);
  EXPECT_EQ(first_tokens(vocabulary, {}, {{}, "", Tokens{'a', kFakeEos, kFakeEos}}), (Tokens{'a', kFakeEos}));
}

TEST(DocumentTokenizer, PromptsMayBeTokenIdsToo) {
  const FakeVocabulary adds(true);
  const DocumentTokenizer tokenizer(adds, {}, {});
  const Sequence sequence = tokenizer({{}, Tokens{kFakeBos, 'a'}, Tokens{'b'}}).front();
  EXPECT_EQ(sequence.tokens, (Tokens{kFakeBos, 'a', 'b'}));
  EXPECT_EQ(sequence.prompt_tokens, 2);
  EXPECT_THROW(tokenizer({{}, Tokens{300}, Tokens{'b'}}), Error);
}

// Tokenising takes tens of times a text's size in memory: too long a text is refused by its bytes.
TEST(DocumentTokenizer, RefusesLongTextsBeforeTheyAreTokenised) {
  const FakeVocabulary vocabulary;
  TokenizeOptions options;
  EXPECT_EQ(options.max_bytes, 16U << 20);
  options.max_bytes = 4;
  options.chunk = 2;
  int rendered = 0;
  const DocumentTokenizer tokenizer(vocabulary, options, [&](const ChatMessages&) {
    ++rendered;
    return Tokens{'c'};
  });
  EXPECT_EQ(tokenizer({{"a.txt"}, "", "abcd"}).size(), 2U);
  const auto refused = [&](const Document& document) {
    expect_error(ErrorCode::kInput, "'a.txt' has 5 bytes; expected a text of 4 at most", [&] { tokenizer(document); });
  };
  refused({{"a.txt"}, "", "abcde"});
  refused({{"a.txt"}, "abcde", "a"});
  refused({{"a.txt"}, "", ChatMessages{"[{}] "}});
  EXPECT_EQ(rendered, 0);
  EXPECT_EQ(tokenizer({{"a.txt"}, "", Tokens(100, 'a')}).front().tokens.size(), 2U) << "token ids are tokens already";
}

// Tokens 0, 1, 2: the first stands for 20 bytes and is BOS.
class ThreeTokens final : public Vocabulary {
 public:
  ThreeTokens() {
    facts_.n_vocab = 3;
    facts_.bos = 0;
  }
  const VocabularyFacts& facts() const override { return facts_; }
  std::vector<TokenId> tokenize(std::string_view text, bool) const override { return Tokens(text.size(), 1); }
  std::vector<ControlToken> control_tokens() const override { return {}; }
  std::string token_bytes(TokenId token) const override {
    return std::vector<std::string>{std::string(20, 'x'), "y", "z"}.at(static_cast<std::size_t>(token));
  }
  bool ends_text(TokenId) const override { return false; }
  std::string chat_template() const override { return ""; }

 private:
  VocabularyFacts facts_;
};

TEST(DocumentTokenizer, TakesAnyTokenOfTheVocabulary) {
  const ThreeTokens vocabulary;
  EXPECT_EQ(first_tokens(vocabulary, with(BosMode::kAuto), {{}, "", Tokens{0, 1, 2}}), (Tokens{0, 1, 2}));
  EXPECT_EQ(first_tokens(vocabulary, with(BosMode::kOn), {{}, "", "a"}), (Tokens{0, 1})) << "BOS is token 0";
  const auto refused = [&](TokenId id, const std::string& message) {
    expect_error(ErrorCode::kInput, message,
                 [&] { first_tokens(vocabulary, with(BosMode::kAuto), {{"a.jsonl", 3}, "", Tokens{1, id}}); });
  };
  refused(3, "line 3 of 'a.jsonl': token id 3 at index 1 is out of range: expected 0 to 2");
  refused(-1, "token id -1 at index 1 is out of range");
}

TEST(DocumentTokenizer, RefusesATextThatMaxTokensCannotHoldByItsBytes) {
  const ThreeTokens long_tokens;
  const FakeVocabulary bytes;  // "</s>" is its longest token
  const auto tokenize = [](const Vocabulary& vocabulary, int max_tokens, int chunk, std::size_t n_bytes) {
    TokenizeOptions options;
    options.bos = BosMode::kOff;
    options.max_tokens = max_tokens;
    options.chunk = chunk;
    const DocumentTokenizer tokenizer(vocabulary, options, {});
    return tokenizer({{"a.txt"}, "", std::string(n_bytes, 'a')}).front().tokens.size();
  };
  const auto refused = [&](const Vocabulary& vocabulary, int max_tokens, std::size_t n_bytes, const std::string& what) {
    expect_error(ErrorCode::kInput, what, [&] { tokenize(vocabulary, max_tokens, 0, n_bytes); });
  };
  EXPECT_EQ(tokenize(long_tokens, 2, 0, 59), 59U) << "tokens of 20 bytes: as far as bytes tell it may be two";
  refused(long_tokens, 2, 60, "'a.txt' has 60 bytes, of which 2 tokens hold 40 at most: give a larger -c, or --chunk 1 ");
  refused(bytes, 3, 32, "of which 3 tokens hold 12 at most: give a larger -c, or --chunk 2 ");
  refused(bytes, 1, 16, "of which 1 tokens hold 4 at most: give a larger -c, or --chunk 1 ");
  EXPECT_EQ(tokenize(bytes, 3, 0, 31), 31U) << "eight bytes a token are usual: nothing is looked up";
  EXPECT_EQ(tokenize(bytes, 3, 2, 32), 2U) << "in pieces any text goes";
  EXPECT_EQ(tokenize(bytes, 0, 0, 100), 100U) << "no limit is known";
}

TEST(DocumentTokenizer, TokenisesAPromptByItself) {
  const FakeVocabulary adds(true);
  const DocumentTokenizer tokenizer(adds, {}, {});
  const Sequence with_prompt = tokenizer({{}, "ab", "cde"}).front();
  EXPECT_EQ(with_prompt.tokens, (Tokens{kFakeBos, 'a', 'b', 'c', 'd', 'e'}));
  EXPECT_EQ(with_prompt.prompt_tokens, 3);
  EXPECT_EQ(tokenizer({{}, "", "cde"}).front().prompt_tokens, 0);
  EXPECT_EQ(tokenizer({{}, "ab", ""}).front().tokens.size(), 3U);
  expect_error(ErrorCode::kInput, "standard input has no tokens", [&] { tokenizer({{"-"}, "", ""}); });
}

TEST(Describe, NamesThePlace) {
  EXPECT_EQ(describe({}), "the text");
  EXPECT_EQ(describe({"-"}), "standard input");
  EXPECT_EQ(describe({"a.txt"}), "'a.txt'");
  EXPECT_EQ(describe({"a.jsonl", 1}), "line 1 of 'a.jsonl'");
}

TEST(DocumentTokenizer, RefusesBosWhereTheVocabularyHasNone) {
  const FakeVocabulary vocabulary = FakeVocabulary::without_bos();
  EXPECT_THROW(DocumentTokenizer(vocabulary, with(BosMode::kOn), {}), Error);
}

}  // namespace
}  // namespace sinkscope
