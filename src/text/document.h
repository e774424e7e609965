#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"

namespace sinkscope {

// Where a document was read.
struct InputPlace {
  std::string file = {};  // as the user named it; "-" is standard input, empty a text of the command line
  std::int64_t line = 0;  // of a JSONL file, from 1; 0 elsewhere
  std::string id = {};    // the line's own "id", if it has one
  bool operator==(const InputPlace&) const = default;
};

// Members of a JSON object in which conversations mostly lie.
inline constexpr std::array<std::string_view, 3> kConversations = {"messages", "conversations", "conversation"};

// Chat messages: a JSON array of {"role": ..., "content": ...}, checked to be that; where tools are offered to the model, an
// object of the array as "messages" and a second one as "tools".
struct ChatMessages {
  std::string json;
  bool awaits_reply = true;  // the last message is not the assistant's
};

// One document, as bytes: broken UTF-8 stays as it came.
struct Document {
  InputPlace place;
  std::variant<std::string, std::vector<TokenId>> prompt;  // precedes the body
  std::variant<std::string, ChatMessages, std::vector<TokenId>> body;
};

// A piece of input that was left out, and why.
struct SkippedInput {
  InputPlace place;
  std::string reason;
};
using OnSkip = std::function<void(const SkippedInput&)>;

// Documents, one after another; never more than one in memory.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // returns  nothing after the last
  // throws   Error{kInput} where reading on makes no sense
  virtual std::optional<Document> next() = 0;
};

}  // namespace sinkscope
