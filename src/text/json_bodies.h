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

// A JSON array of {role, content} as it is, one of ShareGPT's {from, value} with the usual names, or a string as one
// user message.
//
// throws  Error{kInput} if it is neither
ChatMessages messages_of(const nlohmann::ordered_json& value);

// The same JSON text whatever bytes the strings hold, with bytes that are no UTF-8 as they came.
std::string raw_json(const nlohmann::ordered_json& value);

}  // namespace sinkscope
