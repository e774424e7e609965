#include "base/encodings.h"

#include <openssl/evp.h>

#include <algorithm>

namespace sinkscope {

std::string hex_string(std::span<const std::byte> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    hex += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    hex += kDigits[std::to_integer<unsigned>(byte) & 15U];
  }
  return hex;
}

std::string hex_string(std::string_view bytes) { return hex_string(std::as_bytes(std::span(bytes))); }

std::string base64(std::span<const std::byte> bytes) {
  // OpenSSL counts in int; pieces of whole groups of three bytes join without a seam.
  constexpr std::size_t kPiece_bytes = 3 << 20;
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // it writes a zero behind each piece
  std::size_t length = 0;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPiece_bytes))) {
    const auto piece = bytes.first(std::min(bytes.size(), kPiece_bytes));
    length += static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + length),
                                                       reinterpret_cast<const unsigned char*>(piece.data()),
                                                       static_cast<int>(piece.size())));
  }
  text.resize(length);
  return text;
}

std::string escaped_xml(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += c;
    }
  }
  return xml;
}

}  // namespace sinkscope
