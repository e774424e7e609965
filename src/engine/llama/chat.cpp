#include "engine/llama/chat.h"

#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <jinja/value.h>
#include <json.h>

#include <algorithm>
#include <exception>
#include <map>
#include <new>
#include <type_traits>

#include "base/error.h"
#include "engine/llama/chat_messages.h"
#include "engine/llama/python_jinja.h"
#include "probe/refused_text.h"

namespace sinkscope {
namespace {

constexpr std::time_t kTemplateDate = 1721952000;  // 2024-07-26

// What the engine throws, in one line of ours.
template <typename Kind, typename Work>
auto in_words(const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    std::string reason = error.what();
    std::ranges::replace(reason, '\n', ' ');
    const std::string line = "chat template: " + what + reason;
    if constexpr (std::is_same_v<Kind, RefusedText>) throw RefusedText(line);
    throw Error(ErrorCode::kModel, line);
  }
}

struct Conversation {
  common_json messages, tools;  // tools: null if none are offered
};

Conversation parse_conversation(std::string_view text) {
  common_json messages = common_json::parse_no_throw(std::string(text)), tools;
  if (messages.is_object() && messages.contains("messages") && messages.contains("tools") &&
      messages.at("tools").is_array()) {
    tools = messages.at("tools");
    messages = messages.at("messages");
  }
  bool fits = messages.is_array() && !messages.empty();
  for (std::size_t i = 0; fits && i < messages.size(); ++i) {
    fits = messages[i].is_object() && messages[i].contains("role") && messages[i].at("role").is_string() &&
           (messages[i].contains("content") || messages[i].contains("tool_calls"));
  }
  if (!fits) {
    throw Error(ErrorCode::kInput,
                "chat: expected a JSON array of {\"role\": ..., \"content\": ...}, or {\"messages\": [...], \"tools\": [...]}, got "
                "something else");
  }
  return {std::move(messages), std::move(tools)};
}

std::vector<ChatPiece> pieces_of(const jinja::value& written) {
  std::vector<ChatPiece> pieces;
  for (const auto& part : jinja::runtime::gather_string_parts(written)->as_string().parts) {
    if (part.val.empty()) continue;
    if (!pieces.empty() && pieces.back().from_message == part.is_input) {
      pieces.back().text += part.val;
    } else {
      pieces.push_back({part.val, part.is_input});
    }
  }
  return pieces;
}

std::string whole_text(const std::vector<ChatPiece>& pieces) {
  std::string text;
  for (const ChatPiece& piece : pieces) text += piece.text;
  return text;
}

// A rendered chat as one text that knows which of its bytes messages brought in.
class RenderedText {
 public:
  explicit RenderedText(const std::vector<ChatPiece>& pieces) {
    for (const ChatPiece& piece : pieces) {
      text_ += piece.text;
      from_message_.resize(text_.size(), piece.from_message);
    }
  }

  const std::string& text() const { return text_; }

  bool messages_name_any(const std::vector<ControlToken>& control) const {
    return std::ranges::any_of(control, [&](const ControlToken& token) {
      bool any = false;
      for_each_place(token, [&](std::size_t at) { any = any || touches_message(at, token.text.size()); });
      return any;
    });
  }

  // Tokenised between the control tokens that the template wrote, with no others parsed.
  std::vector<TokenId> cut_tokens(const Vocabulary& vocabulary, const std::vector<ControlToken>& control) const {
    std::vector<TokenId> tokens;
    std::size_t from = 0;
    for (const auto& [at, token] : template_places(control)) {
      std::size_t end = at;
      while (token->strips_left && end > from && is_blank(text_[end - 1])) --end;
      append(vocabulary, from, end, tokens);
      tokens.push_back(token->id);
      from = at + token->text.size();
      while (token->strips_right && from < text_.size() && is_blank(text_[from])) ++from;
    }
    append(vocabulary, from, text_.size(), tokens);
    return tokens;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  template <typename Visit>
  void for_each_place(const ControlToken& token, const Visit& visit) const {
    if (token.text.empty()) return;
    for (std::size_t at = text_.find(token.text); at != std::string::npos; at = text_.find(token.text, at + 1))
      visit(at);
  }

  bool touches_message(std::size_t at, std::size_t length) const {
    const auto first = from_message_.begin() + static_cast<std::ptrdiff_t>(at);
    return std::find(first, first + static_cast<std::ptrdiff_t>(length), true) !=
           first + static_cast<std::ptrdiff_t>(length);
  }

  // Where the template wrote control tokens, by place; where two overlap, the longer one.
  std::map<std::size_t, const ControlToken*> template_places(const std::vector<ControlToken>& control) const {
    std::map<std::size_t, const ControlToken*> places;
    for (const ControlToken& token : control) {
      for_each_place(token, [&](std::size_t at) {
        const std::size_t end = at + token.text.size();
        const auto next = places.lower_bound(at);
        const bool meets_next = next != places.end() && next->first < end;
        const bool meets_last =
            next != places.begin() && std::prev(next)->first + std::prev(next)->second->text.size() > at;
        if (!touches_message(at, token.text.size()) && !meets_next && !meets_last) places.emplace(at, &token);
      });
    }
    return places;
  }

  void append(const Vocabulary& vocabulary, std::size_t from, std::size_t end, std::vector<TokenId>& tokens) const {
    if (end <= from) return;
    const std::vector<TokenId> more = vocabulary.tokenize(std::string_view(text_).substr(from, end - from), false);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }

  std::string text_;
  std::vector<bool> from_message_;  // [bytes]
};

}  // namespace

RenderedChat render_chat(const std::string& chat_template, std::string_view messages_json, const std::string& bos_text,
                         const std::string& eos_text, bool add_generation_prompt) {
  const auto [messages, tools] = parse_conversation(messages_json);
  const jinja::lexer_result lexed =
      in_words<Error>("expected one that can be parsed, got: ", [&] { return jinja::lexer().tokenize(chat_template); });
  const auto parsed = [&] {
    return in_words<Error>("expected one that can be parsed, got: ", [&] { return jinja::parse_from_tokens(lexed); });
  };
  const jinja::program of_llama = parsed();
  jinja::program of_python = parsed();
  render_as_python(of_python);
  const jinja::caps reads = in_words<Error>("expected one that can be rendered, got: ", [&] {
    jinja::program asked = parsed();
    return jinja::caps_get(asked);
  });
  // Only what messages bring is data: template variables are rendered as the template's own text.
  common_json variables = common_json::object();
  variables["bos_token"] = bos_text;
  variables["eos_token"] = eos_text;
  variables["add_generation_prompt"] = add_generation_prompt;
  common_json marked = common_json::object();
  marked["messages"] = conformed_messages(messages, chat_template, reads);
  if (!tools.is_null()) marked["tools"] = conformed_tools(tools);
  const auto pieces_by = [&](const jinja::program& program) {
    jinja::context context(lexed.source);
    context.current_time = kTemplateDate;
    jinja::global_from_json(context, variables, false);
    jinja::global_from_json(context, marked, true);
    return pieces_of(jinja::runtime(context).execute(program));
  };
  RenderedChat chat;
  chat.pieces = in_words<RefusedText>("these messages are refused: ", [&] { return pieces_by(of_python); });
  try {
    chat.llama_differs = whole_text(pieces_by(of_llama)) != whole_text(chat.pieces);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    chat.llama_differs = true;
  }
  return chat;
}

std::vector<TokenId> tokenize_pieces(const Vocabulary& vocabulary, const std::vector<ChatPiece>& pieces,
                                     bool parse_special) {
  const RenderedText rendered(pieces);
  if (parse_special) return vocabulary.tokenize(rendered.text(), true);
  const std::vector<ControlToken> control = vocabulary.control_tokens();
  if (!rendered.messages_name_any(control)) return vocabulary.tokenize(rendered.text(), true);
  return rendered.cut_tokens(vocabulary, control);
}

}  // namespace sinkscope
