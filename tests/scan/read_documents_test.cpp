#include "scan/read_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
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

}  // namespace
}  // namespace sinkscope
