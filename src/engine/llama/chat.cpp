#include "engine/llama/chat.h"

#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <jinja/value.h>
#include <json.h>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr std::time_t kTemplateDate = 1721952000;  // 2024-07-26

common_json parse_messages(std::string_view text) {
  common_json messages = common_json::parse_no_throw(std::string(text));
  bool fits = messages.is_array() && !messages.empty();
  for (std::size_t i = 0; fits && i < messages.size(); ++i) {
    fits = messages[i].is_object() && messages[i].contains("role") && messages[i].contains("content");
  }
  if (!fits) {
    throw Error(ErrorCode::kInput,
                "chat: expected a JSON array of {\"role\": ..., \"content\": ...}, got something else");
  }
  return messages;
}

}  // namespace

std::vector<ChatPiece> render_chat(const std::string& chat_template, std::string_view messages_json,
                                   const std::string& bos_text, const std::string& eos_text,
                                   bool add_generation_prompt) {
  const common_json messages = parse_messages(messages_json);
  try {
    jinja::lexer lexer;
    const jinja::lexer_result lexed = lexer.tokenize(chat_template);
    const jinja::program program = jinja::parse_from_tokens(lexed);
    // Only what messages bring is data: template variables are rendered as the template's own text.
    jinja::context context(lexed.source);
    context.current_time = kTemplateDate;
    common_json variables = common_json::object();
    variables["bos_token"] = bos_text;
    variables["eos_token"] = eos_text;
    variables["add_generation_prompt"] = add_generation_prompt;
    jinja::global_from_json(context, variables, false);
    common_json marked = common_json::object();
    marked["messages"] = messages;
    jinja::global_from_json(context, marked, true);
    jinja::runtime runtime(context);
    const jinja::value result = runtime.execute(program);
    const auto rendered = jinja::runtime::gather_string_parts(result);
    std::vector<ChatPiece> pieces;
    for (const auto& part : rendered->as_string().parts) {
      if (part.val.empty()) continue;
      if (!pieces.empty() && pieces.back().from_message == part.is_input) {
        pieces.back().text += part.val;
      } else {
        pieces.push_back({part.val, part.is_input});
      }
    }
    return pieces;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    std::string reason = error.what();
    for (char& c : reason) {
      if (c == '\n') c = ' ';
    }
    throw Error(ErrorCode::kModel, "chat template: expected to render these messages, got: " + reason);
  }
}

std::vector<TokenId> tokenize_chat(const Vocabulary& vocabulary, std::string_view messages_json,
                                   bool add_generation_prompt, bool parse_special) {
  const VocabularyFacts& facts = vocabulary.facts();
  const std::string source = vocabulary.chat_template();
  if (source.empty()) {
    throw Error(ErrorCode::kModel, "--chat: expected a model with a chat template, got " + facts.name +
                                       " without one; scan plain text instead");
  }
  const auto text_of = [&](TokenId token) { return token >= 0 ? vocabulary.token_bytes(token) : std::string(); };
  std::vector<TokenId> tokens;
  for (const ChatPiece& piece :
       render_chat(source, messages_json, text_of(facts.bos), text_of(facts.eos), add_generation_prompt)) {
    const auto more = vocabulary.tokenize(piece.text, parse_special || !piece.from_message);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  return tokens;
}

}  // namespace sinkscope
