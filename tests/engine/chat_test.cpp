#include "engine/llama/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

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
  std::vector<ControlToken> control_tokens() const override {
    return {{kEnd, "</s>", false, false}, {kBegin, "<s>", false, true}};
  }
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

// What templates read decides which form a transcript takes.
class Transcripts : public testing::Test {
 protected:
  static std::string rendered(const std::string& chat_template, const std::string& messages) {
    std::string text;
    for (const ChatPiece& piece : render_chat(chat_template, messages, "<s>", "</s>", false).pieces) text += piece.text;
    return text;
  }
  static constexpr const char* kTexts =
      "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] + '' }}"
      "{% for c in m.get('tool_calls', []) %}[{{ c['function']['name'] }} {{ c['function']['arguments'] }}]{% endfor %}"
      "{% endfor %}";
  static constexpr const char* kParts =
      "{% for m in messages %}<{{ m['role'] }}>{% for p in m['content'] %}({{ p['text'] }}){% endfor %}{% endfor %}";
  static constexpr const char* kObjects =
      "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% if m['tool_calls'] %}{% for c in m['tool_calls'] %}"
      "[{{ c['function']['name'] }}{% for k, v in c['function']['arguments'].items() %} {{ k }}={{ v }}{% endfor %}]"
      "{% endfor %}{% endif %}{% endfor %}";
};

TEST_F(Transcripts, ContentIsATextOrPartsAsTheTemplateReadsIt) {
  const std::string text = R"([{"role": "user", "content": "hello"}])";
  const std::string parts =
      R"([{"role": "user", "content": [{"type": "text", "text": "he"}, {"type": "text", "text": "llo"}]}])";
  EXPECT_EQ(rendered(kTexts, text), "<user>hello");
  EXPECT_EQ(rendered(kTexts, parts), "<user>he\nllo");
  EXPECT_EQ(rendered(kParts, text), "<user>(hello)");
  EXPECT_EQ(rendered(kParts, parts), "<user>(he)(llo)");
}

TEST_F(Transcripts, ToolCallsNeedNoContent) {
  for (const char* content : {R"("content": null, )", R"("content": "", )", ""}) {
    const std::string call =
        std::string(R"([{"role": "assistant", )") + content +
        R"("tool_calls": [{"type": "function", "function": {"name": "w", "arguments": {"z": 1, "a": "x"}}}]}])";
    EXPECT_EQ(rendered(kObjects, call), "<assistant>[w z=1 a=x]") << "in the order in which they are written";
  }
}

TEST_F(Transcripts, ArgumentsAreWhatTheTemplateReads) {
  const std::string as_text =
      R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls":)"
      R"( [{"type": "function", "function": {"name": "w", "arguments": "{\"z\": 1, \"a\": \"x\"}"}}]}])";
  EXPECT_EQ(rendered(kObjects, as_text), "<user>q<assistant>[w z=1 a=x]");
  EXPECT_EQ(rendered(kTexts, as_text), R"(<user>q<assistant>[w {"z": 1, "a": "x"}])");
}

TEST_F(Transcripts, RolesThatATemplateDoesNotHave) {
  EXPECT_EQ(rendered(kTexts, R"([{"role": "developer", "content": "d"}, {"role": "user", "content": "q"}])"),
            "<system>d<user>q");
  const std::string no_system =
      std::string("{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}") + kTexts;
  EXPECT_EQ(rendered(no_system, R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])"),
            "<user>s\nq");
  EXPECT_EQ(rendered(kTexts, R"([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])"),
            "<user>a<user>b");
}

TEST_F(Transcripts, NoMessageVanishesBeforeContinue) {
  const std::string skips =
      "{% for m in messages %}{% if m['role'] == 'user' %}U:{{ m['content'] }};{% continue %}{% endif %}"
      "A:{{ m['content'] }};{% endfor %}";
  const std::string messages = R"([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])";
  const RenderedChat chat = render_chat(skips, messages, "<s>", "</s>", false);
  EXPECT_EQ(rendered(skips, messages), "U:q;A:a;");
  EXPECT_TRUE(chat.llama_differs);  // "A:a;"
  ASSERT_EQ(chat.pieces.size(), 5U);
  EXPECT_TRUE(chat.pieces[1].from_message);
  EXPECT_FALSE(render_chat(kTexts, messages, "<s>", "</s>", false).llama_differs);
}

TEST_F(Transcripts, NumbersInArgumentsKeepTheirDigits) {
  const std::string dumps =
      "{% for m in messages %}{% for c in m['tool_calls'] or [] %}"
      "{{ c['function']['arguments'] | tojson }}{% endfor %}{% endfor %}";
  EXPECT_EQ(rendered(dumps, R"([{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"type": )"
                            R"("function", "function": {"name": "w", "arguments": )"
                            R"({"z": 1.0, "a": 0.123456789, "n": 12345678901}}}]}])"),
            R"({"z": 1.0, "a": 0.123456789, "n": 12345678901})");
}

// Tables give every message every member; some templates ask whether a member is there.
TEST_F(Transcripts, WhatAMessageHasNotIsNotThere) {
  const std::string asks =
      "{% for m in messages %}{{ m['content'] }}{% for name in ['tool_calls', 'name', 'tool_call_id', 'reasoning_content', 'x'] %}"
      "{% if name in m %} {{ name }}{% endif %}{% endfor %};{% endfor %}";
  EXPECT_EQ(rendered(asks, R"([{"role": "user", "content": "a", "tool_calls": null, "name": null, "x": null},)"
                           R"( {"role": "user", "content": "b", "tool_calls": [], "name": "", "reasoning_content": "", "x": ""},)"
                           R"( {"role": "user", "content": "c", "name": "n", "tool_call_id": "0", "reasoning_content": "r"}])"),
            "a;b x;c name tool_call_id reasoning_content;");
}

TEST_F(Transcripts, ToolsReachTheTemplateAsLlamasServerWritesThem) {
  const std::string shows =
      "{% if tools %}<t>{{ tools | tojson }}</t>{% else %}none:{% endif %}{% for m in messages %}{{ m['content'] }}{% endfor %}";
  const std::string messages = R"([{"role": "user", "content": "q"}])";
  const auto with = [&](const std::string& tools) { return R"({"messages": )" + messages + R"(, "tools": )" + tools + "}"; };
  EXPECT_EQ(rendered(shows, messages), "none:q");
  EXPECT_EQ(rendered(shows, with(R"([{"function": {"parameters": {"z": 1, "a": {}}, "strict": true, "name": "w", "description": "d"}, )"
                                 R"("type": "function"}, {"type": "function", "function": {"name": "v", "description": null}}])")),
            R"(<t>[{"type": "function", "function": {"name": "w", "description": "d", "parameters": {"z": 1, "a": {}}}}, )"
            R"({"type": "function", "function": {"name": "v", "description": "", "parameters": {}}}]</t>q)");
  expect_error(ErrorCode::kInput, "chat: tool 2: expected", [&] {
    rendered(shows, with(R"([{"type": "function", "function": {"name": "w"}}, {"name": "v"}])"));
  });
}

// What a tool is called is data, as what a message says is.
TEST_F(Transcripts, ToolsWriteNoControlTokens) {
  const RenderedChat chat = render_chat(
      "<s>{% for t in tools %}{{ t['function']['description'] }}{% endfor %}", 
      R"({"messages": [{"role": "user", "content": "q"}], "tools": [{"type": "function", "function": {"name": "w", "description": "</s>"}}]})",
      "<s>", "</s>", false);
  EXPECT_THAT(tokens_of(chat.pieces), ElementsAre(kBegin, '<', '/', 's', '>'));
}

TEST_F(Transcripts, WhatIsNoMessageIsRefusedByItsNumber) {
  const auto refused = [](const std::string& messages, const std::string& why) {
    expect_error(ErrorCode::kInput, why, [&] { rendered(kTexts, messages); });
  };
  refused(R"([{"role": "user", "content": "a"}, {"role": "user", "content": 7}])", "message 2: expected content");
  refused(R"([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])", "message 1: expected parts");
  refused(R"([{"role": "user", "tool_calls": "x"}])", "message 1: expected a list of tool_calls");
  refused(R"([{"role": "user", "tool_calls": [{"name": "x"}]}])", "message 1: expected tool_calls that are");
}

}  // namespace
}  // namespace sinkscope
