#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "text/document.h"

namespace sinkscope {

// The array's token ids.
//
// returns  nothing if it is no array of integers from 0 that fit a TokenId
std::optional<std::vector<TokenId>> tokens_of(const nlohmann::ordered_json& array);

// Whether an object has one of kConversations.
bool holds_conversation(const nlohmann::ordered_json& object);

// A JSON array of {role, content} as it is, one of ShareGPT's {from, value} with the usual names, a string as one
// user message, or an object that holds one of these as one of kConversations: with its "tools", an array or the text of
// one, and its "system", a text, in front of a conversation that begins without.
//
// throws  Error{kInput} if it is none of these
ChatMessages messages_of(const nlohmann::ordered_json& value);

// The same JSON text whatever bytes the strings hold, with bytes that are no UTF-8 as they came.
std::string raw_json(const nlohmann::ordered_json& value);

}  // namespace sinkscope
