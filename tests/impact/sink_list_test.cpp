#include "impact/sink_list.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/expect_error.h"

namespace sinkscope {
namespace {

std::map<std::string, NamedSinks> read(const char* text, const std::string& only_key = "") {
  return named_sinks_from(nlohmann::json::parse(text), only_key);
}

TEST(SinkList, NamesSinksAndTheirPlacebo) {
  const auto named = read(R"({"sequences": [
      {"document": "aa", "sinks": [{"position": 224, "l_start": 4, "l_end": 15}, {"position": 9, "l_start": 2, "l_end": 3}],
       "placebo": [[230, 12], [228, 14]]},
      {"document": "bb", "sinks": [{"position": 3, "l_start": 1, "l_end": 2}]}]})");
  ASSERT_EQ(named.size(), 2U);
  const NamedSinks& first = named.at("aa");
  EXPECT_EQ(first.sinks[1].position, 9);
  EXPECT_EQ(first.sinks[0].l_end, 15);
  ASSERT_EQ(first.placebo.size(), 2U);
  EXPECT_EQ(first.placebo[1][0].position, 228);
  EXPECT_EQ(first.placebo[1][1].l_start, 2) << "it takes the layers of the sink that it stands for";
  EXPECT_TRUE(named.at("bb").placebo.empty());
}

TEST(SinkList, NeedsNoDocumentWhereThereIsOne) {
  const char* text = R"({"sequences": [{"sinks": [{"position": 3, "l_start": 1, "l_end": 2}]}]})";
  EXPECT_TRUE(read(text, "only").contains("only"));
  expect_error(ErrorCode::kInput, "as the results hold several", [&] { read(text); });
}

TEST(SinkList, TakesNumbersFrom0ToABillion) {
  const auto named = read(R"({"sequences": [{"sinks": [{"position": 1000000000, "l_start": 0, "l_end": 0}],
                                             "placebo": [[0]]}]})", "only");
  EXPECT_EQ(named.at("only").sinks[0].position, 1'000'000'000);
  EXPECT_EQ(named.at("only").sinks[0].l_start, 0);
  EXPECT_EQ(named.at("only").placebo[0][0].position, 0);
  expect_error(ErrorCode::kInput, "got 1000000001", [] {
    read(R"({"sequences": [{"sinks": [{"position": 1000000001, "l_start": 0, "l_end": 0}]}]})", "only");
  });
}

// Of what is no sink list at most 60 bytes are shown.
TEST(SinkList, ShowsWhatItGotCutShort) {
  const std::string most(58, 'x');  // with its quotes 60
  expect_error(ErrorCode::kInput, "got \"" + most + "\"", [&] { read(("\"" + most + "\"").c_str()); });
  const std::string more(59, 'x');
  const std::string message = error_message(ErrorCode::kInput, [&] { read(("\"" + more + "\"").c_str()); });
  EXPECT_TRUE(message.ends_with("got \"" + std::string(56, 'x') + "...")) << message;
}

TEST(SinkList, RefusesWhatItIsNot) {
  for (const char* text :
       {"[]", R"({"sequences": []})", R"({"sequences": [{"sinks": []}]})", R"({"sequences": [{}]})",
        R"({"sequences": [{"sinks": [{"position": -1, "l_start": 1, "l_end": 2}]}]})",
        R"({"sequences": [{"sinks": [{"position": 1.5, "l_start": 1, "l_end": 2}]}]})",
        R"({"sequences": [{"sinks": [{"position": 1, "l_start": 1}]}]})",
        R"({"sequences": [{"sinks": [{"position": 1, "l_start": 1, "l_end": 2}], "placebo": [[1, 2]]}]})",
        R"({"sequences": [{"sinks": [{"position": 1, "l_start": 1, "l_end": 2}], "placebo": {}}]})",
        R"({"sequences": [{"sinks": [{"position": 1, "l_start": 1, "l_end": 2}], "placebo": [7]}]})",
        R"({"sequences": [{"sinks": {"position": 1, "l_start": 1, "l_end": 2}}]})", R"({"sequences": {"sinks": []}})",
        R"({"sequences": [{"document": 7, "sinks": [{"position": 1, "l_start": 1, "l_end": 2}]}]})",
        R"({"sequences": [{"sinks": [{"position": 1, "l_start": 1, "l_end": 2}]},
                          {"sinks": [{"position": 2, "l_start": 1, "l_end": 2}]}]})"}) {
    expect_error(ErrorCode::kInput, "sinks: expected", [&] { read(text, "only"); });
  }
}

}  // namespace
}  // namespace sinkscope
