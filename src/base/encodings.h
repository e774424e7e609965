#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sinkscope {

// Bytes as lower case hexadecimal digits, two a byte.
std::string hex_string(std::span<const std::byte> bytes);
std::string hex_string(std::string_view bytes);

// RFC 4648, with padding.
std::string base64(std::span<const std::byte> bytes);

// Text as it stands in HTML and XML, between tags and in attributes with double quotes: & < > " become entities.
std::string escaped_xml(std::string_view text);

}  // namespace sinkscope
