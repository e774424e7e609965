#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probe/vocabulary.h"

namespace sinkscope {

// A piece of a rendered chat: what the template wrote itself, or what a message brought in.
struct ChatPiece {
  std::string text;
  bool from_message = false;  // data: control tokens in it are not parsed
};

// Renders messages by a Jinja chat template, with llama.cpp's own renderer.
//
// messages_json  [{"role": "user", "content": "..."}, ...]
// returns        the pieces in order; together they are the prompt. Dates come out as 2024-07-26, so that equal
//                runs give equal tokens
// throws         Error{kInput} if messages_json is no such array; Error{kModel} if the template cannot be parsed or
//                refuses these messages
std::vector<ChatPiece> render_chat(const std::string& chat_template, std::string_view messages_json,
                                   const std::string& bos_text, const std::string& eos_text,
                                   bool add_generation_prompt);

// The tokens of messages, rendered by the model's own template.
//
// parse_special  true: control tokens in messages are parsed too
// returns        tokens with whatever BOS the template writes, and no other
// throws         as render_chat; Error{kModel} if the model brings no template
std::vector<TokenId> tokenize_chat(const Vocabulary& vocabulary, std::string_view messages_json,
                                   bool add_generation_prompt, bool parse_special);

}  // namespace sinkscope
