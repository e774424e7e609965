#include "text/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace sinkscope {
namespace {

using ::testing::HasSubstr;

std::string body(DocumentSource& source) { return std::get<std::string>(source.next().value().body); }

TEST(Documents, TextKeepsEveryByte) {
  const std::string bytes(
      "\xEF\xBB\xBF"
      "a\0b\xFF\xC3(\r\n",
      11);
  const TemporaryFile file(bytes);
  const auto source = text_file_source(file.path());
  EXPECT_EQ(body(*source), bytes);
  EXPECT_FALSE(source->next());
}

TEST(Documents, BadTextFilesAreNamed) {
  expect_error(ErrorCode::kInput, "'/no/such/file': No such file", [] { text_file_source("/no/such/file"); });
  expect_error(ErrorCode::kInput, "got a directory", [] { text_file_source("/tmp"); });
  expect_error(ErrorCode::kInput, "is empty", [] { text_file_source("/dev/null"); });
  expect_error(ErrorCode::kInput, "the text is empty", [] { text_source("", {}); });
  expect_error(ErrorCode::kInput, "too large", [] { text_file_source("/dev/zero"); });
}

TEST(Documents, TokenFiles) {
  for (const char* json : {"[3, 1, 2]", "{\"tokens\": [3,1,2], \"other\": 1}"}) {
    const TemporaryFile file(json);
    EXPECT_EQ(std::get<std::vector<TokenId>>(token_file_source(file.path())->next()->body),
              (std::vector<TokenId>{3, 1, 2}));
  }
  for (const char* json : {"[1, -2]", "[1, 2.5]", "[\"a\"]", "[4294967296]", "{\"ids\": []}", "7", "[[1]]"}) {
    const TemporaryFile file(json);
    EXPECT_THAT(error_message(ErrorCode::kInput, [&] { token_file_source(file.path()); }),
                HasSubstr("expected a JSON array"))
        << json;
  }
  const TemporaryFile empty("[]"), broken("[1, 2");
  expect_error(ErrorCode::kInput, "is empty", [&] { token_file_source(empty.path()); });
  expect_error(ErrorCode::kInput, "not valid JSON", [&] { token_file_source(broken.path()); });
}

TEST(Documents, DeepJsonIsRefused) {
  const TemporaryFile file(std::string(200000, '[') + std::string(200000, ']'));
  expect_error(ErrorCode::kInput, "nests 200000 deep", [&] { token_file_source(file.path()); });
}

TEST(Documents, ChatTakesMessagesOrOneUserText) {
  const auto messages = [](const std::string& text) {
    return std::get<ChatMessages>(chat_source(text, {})->next()->body).json;
  };
  EXPECT_EQ(messages("Hello \"you\""), R"([{"role":"user","content":"Hello \"you\""}])");
  // As it is written: a template may show a tool's arguments.
  EXPECT_EQ(messages(R"( [{"role": "user", "content": "Hi", "z": 1.25, "a": 12345678901234567}])"),
            R"([{"role":"user","content":"Hi","z":1.25,"a":12345678901234567}])");
  EXPECT_EQ(messages(R"([{"role": "assistant", "content": null, "tool_calls": [{}]}])"),
            R"([{"role":"assistant","content":null,"tool_calls":[{}]}])");
  EXPECT_EQ(messages(R"([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])"),
            R"([{"role":"user","content":[{"type":"text","text":"Hi"}]}])");
  EXPECT_EQ(messages("[1] is the first reference"), R"([{"role":"user","content":"[1] is the first reference"}])");
  EXPECT_EQ(messages("broken \xFF"), "[{\"role\":\"user\",\"content\":\"broken \xFF\"}]");
  expect_error(ErrorCode::kInput, "chat messages", [&] { messages(R"([{"role": "user"}])"); });
  expect_error(ErrorCode::kInput, "null beside tool_calls", [&] { messages(R"([{"role": "user", "content": null}])"); });
  expect_error(ErrorCode::kInput, "got an array with nothing in it", [&] { messages("[]"); });
  expect_error(ErrorCode::kInput, "got something else as its message 2",
               [&] { messages(R"([{"role": "user", "content": "a"}, {"role": "user"}])"); });
}

// Requests to a server, records of a data set: a conversation with what stands beside it.
TEST(Documents, AConversationMayLieInAnObject) {
  const auto messages = [](const std::string& text) {
    return std::get<ChatMessages>(chat_source(text, {})->next()->body).json;
  };
  const std::string hi = R"([{"role":"user","content":"Hi"}])";
  EXPECT_EQ(messages(R"({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0})"), hi);
  EXPECT_EQ(messages(R"({"conversations": [{"from": "human", "value": "Hi"}], "tools": null})"), hi);
  EXPECT_EQ(messages(R"({"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]})"),
            R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])");
  EXPECT_EQ(messages(R"({"system": "B", "conversation": [{"role": "system", "content": "A"}]})"),
            R"([{"role":"system","content":"A"}])");
  EXPECT_EQ(messages(R"({"system": "B", "conversation": [{"from": "human", "value": "Hi"}]})"),
            R"([{"role":"system","content":"B"},{"role":"user","content":"Hi"}])");
  const std::string with_tools = R"({"messages":)" + hi + R"(,"tools":[{"z":1,"a":2}]})";
  EXPECT_EQ(messages(R"({"tools": [{"z": 1, "a": 2}], "messages": [{"role": "user", "content": "Hi"}]})"), with_tools);
  EXPECT_EQ(messages(R"({"tools": "[{\"z\": 1, \"a\": 2}]", "messages": [{"role": "user", "content": "Hi"}]})"), with_tools);
  EXPECT_EQ(messages(R"({"tools": [], "messages": [{"role": "user", "content": "Hi"}]})"), hi);
  expect_error(ErrorCode::kInput, "\"tools\": expected a JSON array",
               [&] { messages(R"({"tools": {}, "messages": [{"role": "user", "content": "Hi"}]})"); });
  expect_error(ErrorCode::kInput, "got 2 conversations in one array; give the file with --jsonl",
               [&] { messages(R"([{"messages": []}, {"messages": []}])"); });
  EXPECT_EQ(messages(R"({"a": 1})"), R"([{"role":"user","content":"{\"a\": 1}"}])");
}

TEST(Documents, AChatThatEndsWithTheAssistantAwaitsNoReply) {
  const auto awaits = [](const char* text) {
    return std::get<ChatMessages>(chat_source(text, {})->next()->body).awaits_reply;
  };
  EXPECT_TRUE(awaits(R"([{"role": "user", "content": "Hi"}])"));
  EXPECT_FALSE(awaits(R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}])"));
}

TEST(Documents, SourcesAreReadOneAfterAnother) {
  std::vector<std::unique_ptr<DocumentSource>> sources;
  sources.push_back(text_source("first", {}));
  sources.push_back(text_source("second", {}));
  const auto joined = joined_sources(std::move(sources));
  EXPECT_EQ(body(*joined), "first");
  EXPECT_EQ(body(*joined), "second");
  EXPECT_FALSE(joined->next());
}

}  // namespace
}  // namespace sinkscope
