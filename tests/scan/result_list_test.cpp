#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "scan/result_sink.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Origin from(const std::string& file) {
  Origin origin;
  origin.file = origin.id = file;
  return origin;
}

ScannedDocument document(std::vector<TokenId> tokens, const std::string& file, int prompt_tokens = 0) {
  ScannedDocument result;
  result.tokens = std::move(tokens);
  result.token_bytes.assign(result.tokens.size(), "x");
  result.origins = {from(file)};
  result.figures.n_tokens = static_cast<int>(result.tokens.size());
  result.figures.prompt_tokens = prompt_tokens;
  return result;
}

TEST(ResultList, KeepsEqualTextsOnceWithAllTheirOrigins) {
  ResultList list;
  const std::vector<ScannedDocument> pack = {document({1, 2}, "a"), document({1, 3}, "b"), document({1, 2}, "c")};
  list.add(pack);
  list.add(pack);
  ASSERT_THAT(list.documents(), SizeIs(2));
  EXPECT_THAT(list.documents()[0].origins, ElementsAre(from("a"), from("c")));
  EXPECT_THAT(list.documents()[1].origins, ElementsAre(from("b")));
  EXPECT_TRUE(list.has(document_key(pack[1].tokens, 0)));
}

TEST(ResultList, AnotherPromptMakesAnotherDocument) {
  ResultList list;
  list.add(std::vector{document({1, 2, 3}, "a"), document({1, 2, 3}, "a", 2)});
  EXPECT_THAT(list.documents(), SizeIs(2));
  EXPECT_FALSE(list.has(document_key(list.documents()[0].tokens, 1)));
}

TEST(ResultList, AnOriginNeedsItsDocument) {
  ResultList list;
  EXPECT_THROW(list.add_origin(document_key(std::vector<TokenId>{1}, 0), from("a")), Error);
}

TEST(ResultList, KeepsSkippedLines) {
  ResultList list;
  const SkippedLine line{"a.jsonl", 3, "no text"};
  list.add_skipped(line);
  EXPECT_THAT(list.skipped(), ElementsAre(line));
}

// SHA-256 of 01 00 00 00 00 01 00 00 02 00 00 00, by another program.
TEST(DocumentKey, IsTheDigestOfIdsAndPromptLength) {
  EXPECT_EQ(document_key(std::vector<TokenId>{1, 256}, 2),
            "0656162c18e147721c056aeff64b24e065beb5ad70f2167d9bc199b57928608f");
}

}  // namespace
}  // namespace sinkscope
