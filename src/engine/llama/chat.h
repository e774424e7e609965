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

struct RenderedChat {
  std::vector<ChatPiece> pieces;  // in order; together they are the prompt
  bool llama_differs = false;     // llama.cpp's own engine gives another text, or none
};

// Renders messages by a Jinja chat template, as Python's Jinja does (render_as_python), in this process: what
// ChatRenderer does in another.
//
// messages_json  [{"role": "user", "content": "..."}, ...], in the forms that conformed_messages knows; or, with tools for
//                conformed_tools, {"messages": [...], "tools": [...]}
// returns        dates come out as 2024-07-26, so that equal runs give equal tokens
// throws         Error{kInput} if messages_json is no such array; Error{kModel} if the template cannot be parsed;
//                RefusedText if it refuses these messages; std::bad_alloc
RenderedChat render_chat(const std::string& chat_template, std::string_view messages_json, const std::string& bos_text,
                         const std::string& eos_text, bool add_generation_prompt);

// The tokens of a rendered chat: its text is tokenised as a whole, as llama.cpp and transformers do, so that words and
// line ends merge over the edges of messages. Names of control tokens that a message brings in, or that begin or end in
// one, stay text.
//
// parse_special  true: they are parsed too
// cost           one search of the text for each control token
std::vector<TokenId> tokenize_pieces(const Vocabulary& vocabulary, const std::vector<ChatPiece>& pieces,
                                     bool parse_special);

}  // namespace sinkscope
