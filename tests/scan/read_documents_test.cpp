#include "scan/read_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "probe/refused_text.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_vocabulary.h"
#include "text/documents.h"

namespace sinkscope {
namespace {

using ::testing::HasSubstr;

TEST(ReadDocuments, ALongTextIsAnErrorAndInACorpusSkipped) {
  const FakeVocabulary vocabulary;
  const DocumentTokenizer tokenizer(vocabulary, {}, {});
  ReadOptions options;
  options.max_tokens = 5;
  const auto sources = [] {
    std::vector<std::unique_ptr<DocumentSource>> list;
    list.push_back(text_source("abc", {"a.txt"}));
    list.push_back(text_source("abcdefgh", {"b.txt"}));
    return joined_sources(std::move(list));
  };
  std::vector<SkippedInput> skipped;
  const OnSkip on_skip = [&](const SkippedInput& s) { skipped.push_back(s); };
  try {
    read_documents(*sources(), tokenizer, options, on_skip);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("'b.txt' has 9 tokens, the context holds 5: give -c 9, or --chunk 4"));
  }
  options.corpus = true;
  EXPECT_EQ(read_documents(*sources(), tokenizer, options, on_skip).size(), 1U);
  EXPECT_EQ(skipped.size(), 1U);
  options.max_tokens = 2;
  EXPECT_THROW(read_documents(*sources(), tokenizer, options, on_skip), Error);
  options.should_stop = [] { return true; };
  EXPECT_THROW(read_documents(*sources(), tokenizer, options, on_skip), Error);
}

TEST(ReadDocuments, ATextMayFillTheContext) {
  const FakeVocabulary vocabulary, plain(false);
  ReadOptions options;
  options.max_tokens = 5;
  const auto read = [&](const Vocabulary& of, const std::string& text, int chunk = 0) {
    TokenizeOptions tokenize;
    tokenize.chunk = chunk;
    const DocumentTokenizer tokenizer(of, tokenize, {});
    return read_documents(*text_source(text, {"a.txt"}), tokenizer, options, {}).size();
  };
  EXPECT_EQ(read(vocabulary, "abcd"), 1U) << "and BOS";
  expect_error(ErrorCode::kInput, "'a.txt' has 6 tokens, the context holds 5: give -c 6, or --chunk 4",
               [&] { read(vocabulary, "abcde"); });
  EXPECT_EQ(read(plain, "abcde"), 1U);
  expect_error(ErrorCode::kInput, "give -c 6, or --chunk 4", [&] { read(plain, "abcdef"); });
  EXPECT_EQ(read(vocabulary, "abcdefgh", 4), 2U);
  expect_error(ErrorCode::kInput, "has 6 tokens", [&] { read(vocabulary, "abcdefgh", 5); });
  options.max_tokens = 1;
  expect_error(ErrorCode::kInput, "give -c 2, or --chunk 1", [&] { read(vocabulary, "a"); });
}

TEST(ReadDocuments, StopsWhereItIsTold) {
  const FakeVocabulary vocabulary;
  const DocumentTokenizer tokenizer(vocabulary, {}, {});
  ReadOptions options;
  options.max_tokens = 5;
  options.should_stop = [] { return true; };
  expect_error(ErrorCode::kInterrupted, "stopped before the scan began",
               [&] { read_documents(*text_source("a", {"a.txt"}), tokenizer, options, {}); });
  options.should_stop = [] { return false; };
  EXPECT_EQ(read_documents(*text_source("a", {"a.txt"}), tokenizer, options, {}).size(), 1U);
}

// Of a document with a chunk that is too long nothing is kept.
TEST(ReadDocuments, ACorpusOfNothingIsAnError) {
  const FakeVocabulary vocabulary;
  TokenizeOptions tokenize;
  tokenize.chunk = 5;
  const DocumentTokenizer tokenizer(vocabulary, tokenize, {});
  ReadOptions options;
  options.max_tokens = 5;
  options.corpus = true;
  std::vector<SkippedInput> skipped;
  expect_error(ErrorCode::kInput, "no document could be read: expected at least one", [&] {
    read_documents(*text_source("abcdefg", {"a.txt"}), tokenizer, options,
                   [&](const SkippedInput& s) { skipped.push_back(s); });
  });
  ASSERT_EQ(skipped.size(), 1U);
  EXPECT_EQ(skipped[0].place.file, "a.txt");
}

TEST(ReadDocuments, ATextThatTheModelDoesNotTakeIsSkippedInACorpus) {
  const FakeVocabulary vocabulary;
  const DocumentTokenizer tokenizer(vocabulary, {}, [](const ChatMessages& messages) {
    if (messages.json == "[1]") throw RefusedText("the user first");
    if (messages.json == "[2]") throw Error(ErrorCode::kModel, "no template");
    return std::vector<TokenId>{'a'};
  });
  class Conversations final : public DocumentSource {
   public:
    explicit Conversations(std::vector<std::string> all) : all_(std::move(all)) {}
    std::optional<Document> next() override {
      if (at_ == all_.size()) return std::nullopt;
      return Document{{"c.jsonl", static_cast<std::int64_t>(at_ + 1)}, "", ChatMessages{all_[at_++]}};
    }

   private:
    std::vector<std::string> all_;
    std::size_t at_ = 0;
  };
  const auto read = [&](std::vector<std::string> all, bool corpus, std::vector<SkippedInput>& skipped) {
    ReadOptions options;
    options.max_tokens = 5;
    options.corpus = corpus;
    Conversations documents(std::move(all));
    return read_documents(documents, tokenizer, options, [&](const SkippedInput& s) { skipped.push_back(s); }).size();
  };
  std::vector<SkippedInput> skipped;
  EXPECT_EQ(read({"[0]", "[1]", "[0]"}, true, skipped), 2U);
  ASSERT_EQ(skipped.size(), 1U);
  EXPECT_EQ(skipped[0].place.line, 2);
  EXPECT_EQ(skipped[0].reason, "the user first");
  EXPECT_THROW(read({"[1]"}, false, skipped), RefusedText);
  EXPECT_THROW(read({"[0]", "[2]"}, true, skipped), Error) << "what is wrong for all of them ends it";
}

}  // namespace
}  // namespace sinkscope
