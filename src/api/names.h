#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "sinks/detection.h"

namespace sinkscope {

// "internal", "shape", "usage", "input", "model", "output", "interrupted".
std::string_view name_of(ErrorCode code);

// The kind of this name; see name_of(SinkKind).
//
// throws  Error{kUsage} naming the four
SinkKind sink_kind_from_name(std::string_view name);

// Bytes of a token or a name as text: each byte that is no UTF-8 becomes U+FFFD, as in the program's JSON.
std::string utf8_text(std::string_view bytes);

}  // namespace sinkscope
