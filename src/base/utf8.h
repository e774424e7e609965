#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sinkscope {

// Length of the UTF-8 sequence at `at`, by the Unicode standard's table 3-7 (no overlong forms, no surrogates).
//
// returns  1 to 4; 0 where the bytes are no UTF-8
std::size_t utf8_length(std::string_view bytes, std::size_t at);

bool is_utf8(std::string_view bytes);

// Text with every byte that is no UTF-8 replaced by a private code point (U+10FF80 + byte - 0x80), so that a strict
// parser takes it; from_private_bytes turns them back, and is the exact inverse.
std::string to_private_bytes(std::string_view bytes);
std::string from_private_bytes(std::string_view text);

}  // namespace sinkscope
