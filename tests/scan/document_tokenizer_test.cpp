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

TokenizeOptions with(BosMode bos, bool special = false) { return {bos, special, 0}; }

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

TEST(DocumentTokenizer, RefusesBosWhereTheVocabularyHasNone) {
  const FakeVocabulary vocabulary = FakeVocabulary::without_bos();
  EXPECT_THROW(DocumentTokenizer(vocabulary, with(BosMode::kOn), {}), Error);
}

}  // namespace
}  // namespace sinkscope
