#pragma once

#include <memory>
#include <string>

#include "text/document.h"

namespace sinkscope {

inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

struct JsonlOptions {
  std::string path;  // "-" is standard input
  // Holds the text; an array of integers is taken for token ids. With chat, a conversation is looked for in "messages"
  // and "conversations" too, where no member has the usual name.
  std::string field = "text";
  std::string prompt_field;  // holds what precedes the text, or its token ids; empty: there is none
  bool chat = false;         // the field holds chat messages, or a text that becomes one user message
  std::size_t max_line_bytes = kMaxLineBytes;
};

// A corpus: a JSON object a line, or one JSON array of objects, one document each, in the file's order; packed by gzip
// or not. A member "id" names the document.
//
// on_skip  is told of every line that is no such document; blank lines are no documents and not told of
// throws   Error{kInput} if the file cannot be read
// cost     memory of the longest line
std::unique_ptr<DocumentSource> jsonl_source(JsonlOptions options, OnSkip on_skip);

}  // namespace sinkscope
