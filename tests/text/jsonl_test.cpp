#include "text/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Corpus {
  std::vector<Document> documents;
  std::vector<SkippedInput> skipped;
};

Corpus read(const std::string& bytes, JsonlOptions options) {
  const TemporaryFile file(bytes);
  options.path = file.path();
  Corpus corpus;
  const auto source = jsonl_source(options, [&](const SkippedInput& s) { corpus.skipped.push_back(s); });
  while (auto document = source->next()) corpus.documents.push_back(*document);
  return corpus;
}

JsonlOptions field(const std::string& name, const std::string& prompt = "") { return {"", name, prompt}; }

TEST(Jsonl, OneDocumentALine) {
  const Corpus corpus =
      read("{\"t\": \"one\", \"id\": \"a\"}\n\n{\"t\": \"two\", \"id\": 7}\r\n{\"t\": \"three\"}", field("t"));
  ASSERT_EQ(corpus.documents.size(), 3U);
  EXPECT_EQ(std::get<std::string>(corpus.documents[1].body), "two");
  EXPECT_EQ(corpus.documents[0].place.id, "a");
  EXPECT_EQ(corpus.documents[1].place.id, "7");
  EXPECT_EQ(corpus.documents[1].place.line, 3);
  EXPECT_EQ(corpus.documents[2].place.line, 4);
  EXPECT_TRUE(corpus.skipped.empty());
}

TEST(Jsonl, BadLinesAreSkippedByNumber) {
  const Corpus corpus = read(
      "{\"t\": \"one\"}\n{\"t\": \n[1]\n{\"u\": \"x\"}\n{\"t\": 5}\n{\"t\": \"\"}\n{\"t\": \"\\ud800\"}\n{\"t\": "
      "1e999}\n"
      "{\"t\": \"last\"}\n",
      field("t"));
  ASSERT_EQ(corpus.documents.size(), 2U);
  std::vector<std::int64_t> lines;
  for (const auto& skipped : corpus.skipped) lines.push_back(skipped.place.line);
  EXPECT_THAT(lines, ElementsAre(2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(corpus.skipped[2].reason, HasSubstr("no member \"t\""));
  EXPECT_THAT(corpus.skipped[3].reason, HasSubstr("got number"));
}

TEST(Jsonl, NumbersThatOnlyPythonWritesAreNull) {
  const Corpus corpus = read(
      "{\"t\": \"NaN and -Infinity, \\\"Infinity\\\"\", \"a\": NaN, \"b\": [-Infinity, Infinity]}\n"
      "{\"t\": NaN}\n{\"t\": \"x\", \"a\": NaNa}\n",
      field("t"));
  ASSERT_EQ(corpus.documents.size(), 1U);
  EXPECT_EQ(std::get<std::string>(corpus.documents[0].body), "NaN and -Infinity, \"Infinity\"");
  ASSERT_EQ(corpus.skipped.size(), 2U);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("got null"));
  EXPECT_THAT(corpus.skipped[1].reason, HasSubstr("not valid JSON"));
}

TEST(Jsonl, AnArrayOfObjectsIsACorpus) {
  const Corpus corpus = read(
      "\xEF\xBB\xBF [\n  {\"t\": \"one ],\", \"more\": {\"a\": [1, 2]}}\n  ,{\"t\": \"tw\\\"o\", \"id\": \"b\"},"
      "\n {\"u\": 1}, 7, {\"t\": \"last\"}\n]\n",
      field("t"));
  ASSERT_EQ(corpus.documents.size(), 3U);
  EXPECT_EQ(std::get<std::string>(corpus.documents[0].body), "one ],");
  EXPECT_EQ(std::get<std::string>(corpus.documents[1].body), "tw\"o");
  EXPECT_EQ(corpus.documents[1].place.id, "b");
  EXPECT_EQ(corpus.documents[2].place.line, 5);  // the number of the element
  EXPECT_EQ(corpus.skipped.size(), 2U);
}

TEST(Jsonl, AnElementOfAnArrayIsBoundedAsALineIs) {
  JsonlOptions options = field("t");
  options.max_line_bytes = 40;
  const Corpus corpus = read("[{\"t\": \"" + std::string(100, 'x') + "\"}, {\"t\": \"short\"}]", options);
  ASSERT_EQ(corpus.documents.size(), 1U);
  ASSERT_EQ(corpus.skipped.size(), 1U);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("longer than 40 bytes"));
}

TEST(Jsonl, ConversationsAreFoundWhereTheyMostlyLie) {
  JsonlOptions options;
  options.chat = true;
  const Corpus corpus = read(
      "{\"conversations\": [{\"from\": \"human\", \"value\": \"Hi\"}, {\"from\": \"gpt\", \"value\": \"Yes?\"}]}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n"
      "{\"text\": \"Hi\", \"messages\": 5}\n"
      "{\"conversations\": [{\"from\": \"stranger\", \"value\": \"Hi\"}]}\n",
      options);
  ASSERT_EQ(corpus.documents.size(), 3U);
  const auto json = [&](std::size_t i) { return std::get<ChatMessages>(corpus.documents[i].body).json; };
  EXPECT_EQ(json(0), R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"}])");
  EXPECT_FALSE(std::get<ChatMessages>(corpus.documents[0].body).awaits_reply);
  EXPECT_EQ(json(1), json(2));
  const Corpus beside = read("{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"tools\": [{}]}\n", options);
  EXPECT_EQ(std::get<ChatMessages>(beside.documents.at(0).body).json,
            R"({"messages":[{"role":"user","content":"Hi"}],"tools":[{}]})");
  ASSERT_EQ(corpus.skipped.size(), 1U);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("\"stranger\""));
}

TEST(Jsonl, MembersThatAreThereAreNamed) {
  const Corpus corpus = read("{\"question\": \"a\", \"answer\": \"b\"}\n{\"messages\": []}\n{}\n", {});
  ASSERT_EQ(corpus.skipped.size(), 3U);
  EXPECT_THAT(corpus.skipped[0].reason,
              HasSubstr("no member \"text\"; it has \"question\", \"answer\": --field names the one to read"));
  EXPECT_THAT(corpus.skipped[1].reason, HasSubstr("--chat reads a conversation"));
  EXPECT_THAT(corpus.skipped[2].reason, HasSubstr("the object is empty"));
}

TEST(Jsonl, PromptPrecedesTheText) {
  const Corpus corpus = read("{\"q\": \"What?\", \"a\": \"That.\"}\n{\"a\": \"alone\"}\n", field("a", "q"));
  ASSERT_EQ(corpus.documents.size(), 1U);
  EXPECT_EQ(std::get<std::string>(corpus.documents[0].prompt), "What?");
  EXPECT_EQ(std::get<std::string>(corpus.documents[0].body), "That.");
  ASSERT_EQ(corpus.skipped.size(), 1U);
}

TEST(Jsonl, BehindAPromptATextMayBeEmpty) {
  const Corpus corpus =
      read("{\"q\": [1], \"a\": []}\n{\"q\": \"x\", \"a\": \"\"}\n{\"q\": [], \"a\": []}\n", field("a", "q"));
  EXPECT_EQ(corpus.documents.size(), 2U);
  ASSERT_EQ(corpus.skipped.size(), 1U);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("is empty"));
}

TEST(Jsonl, PromptsMayBeTokenIds) {
  const Corpus corpus = read("{\"q\": [1, 2], \"a\": [3]}\n{\"q\": [-1], \"a\": [3]}\n", field("a", "q"));
  ASSERT_EQ(corpus.documents.size(), 1U);
  EXPECT_EQ(std::get<std::vector<TokenId>>(corpus.documents[0].prompt), (std::vector<TokenId>{1, 2}));
  ASSERT_EQ(corpus.skipped.size(), 1U);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("a string or an array of token ids"));
}

TEST(Jsonl, TokensAndMessages) {
  const Corpus tokens = read("{\"t\": [4, 5]}\n{\"t\": [4, -5]}\n{\"t\": []}\n", field("t"));
  ASSERT_EQ(tokens.documents.size(), 1U);
  EXPECT_EQ(std::get<std::vector<TokenId>>(tokens.documents[0].body), (std::vector<TokenId>{4, 5}));
  EXPECT_EQ(tokens.skipped.size(), 2U);
  JsonlOptions chat = field("m");
  chat.chat = true;
  const Corpus messages =
      read("{\"m\": [{\"role\": \"user\", \"content\": \"Hi\"}]}\n{\"m\": \"Hi\"}\n{\"m\": [1]}\n", chat);
  ASSERT_EQ(messages.documents.size(), 2U);
  EXPECT_EQ(std::get<ChatMessages>(messages.documents[0].body).json,
            std::get<ChatMessages>(messages.documents[1].body).json);
  EXPECT_EQ(messages.skipped.size(), 1U);
}

TEST(Jsonl, BrokenUtf8KeepsItsBytes) {
  const Corpus corpus = read("{\"t\": \"a\xFF\xC3(\\u00e9 \xE2\x88\x91\"}\n", field("t"));
  ASSERT_EQ(corpus.documents.size(), 1U);
  EXPECT_EQ(std::get<std::string>(corpus.documents[0].body), "a\xFF\xC3(\xC3\xA9 \xE2\x88\x91");
}

TEST(Jsonl, LongLinesAndDeepLinesArePassedOver) {
  JsonlOptions options = field("t");
  options.max_line_bytes = 1000;
  const std::string deep(100, '[');
  const Corpus corpus =
      read("{\"t\": \"" + std::string(300000, 'x') + "\"}\n{\"t\": " + deep + "}\n{\"t\": \"ok\"}\n", options);
  ASSERT_EQ(corpus.documents.size(), 1U);
  EXPECT_EQ(corpus.documents[0].place.line, 3);
  EXPECT_THAT(corpus.skipped[0].reason, HasSubstr("longer than 1000 bytes"));
  EXPECT_THAT(corpus.skipped[1].reason, HasSubstr("nests"));
}

TEST(Jsonl, AMissingFileIsAnError) {
  EXPECT_THROW(jsonl_source({"/no/such/file", "t", ""}, [](const SkippedInput&) {}), Error);
}

}  // namespace
}  // namespace sinkscope
