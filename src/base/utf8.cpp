#include "base/utf8.h"

namespace sinkscope {
namespace {

// U+10FF80 .. U+10FFFF are F4 8F BE 80 .. F4 8F BF BF.
constexpr std::string_view kPrivatePrefix = "\xF4\x8F";

// Whether a code point that to_private_bytes writes lies there.
bool is_private(std::string_view bytes, std::size_t at) {
  return bytes.substr(at, 2) == kPrivatePrefix && at + 3 < bytes.size() &&
         static_cast<unsigned char>(bytes[at + 2]) >= 0xBEU && utf8_length(bytes, at) == 4;
}

bool is_continuation(unsigned char c) { return (c & 0xC0U) == 0x80U; }

}  // namespace

std::size_t utf8_length(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
  };
  const unsigned b0 = byte(0), b1 = byte(1);
  if (at >= bytes.size()) return 0;
  if (b0 < 0x80) return 1;
  const auto tail = [&](std::size_t i) { return is_continuation(static_cast<unsigned char>(byte(i))); };
  if (b0 >= 0xC2 && b0 <= 0xDF) return tail(1) ? 2 : 0;
  if (b0 >= 0xE0 && b0 <= 0xEF) {
    if ((b0 == 0xE0 && b1 < 0xA0) || (b0 == 0xED && b1 > 0x9F)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (b0 >= 0xF0 && b0 <= 0xF4) {
    if ((b0 == 0xF0 && b1 < 0x90) || (b0 == 0xF4 && b1 > 0x8F)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = utf8_length(bytes, at);
    if (n == 0) return false;
    at += n;
  }
  return true;
}

std::string to_private_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    // Private code points that the text itself holds are taken apart too, so that the way back is exact.
    if (const std::size_t n = is_private(bytes, at) ? 0 : utf8_length(bytes, at)) {
      text.append(bytes, at, n);
      at += n;
      continue;
    }
    const auto c = static_cast<unsigned char>(bytes[at++]);
    text += kPrivatePrefix;
    text += static_cast<char>(c < 0xC0U ? 0xBE : 0xBF);
    text += static_cast<char>(0x80U | (c & 0x3FU));
  }
  return text;
}

std::string from_private_bytes(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (is_private(text, at)) {
      const unsigned high = static_cast<unsigned char>(text[at + 2]) == 0xBEU ? 0x80U : 0xC0U;
      bytes += static_cast<char>(high | (static_cast<unsigned char>(text[at + 3]) & 0x3FU));
      at += 4;
      continue;
    }
    bytes += text[at++];
  }
  return bytes;
}

}  // namespace sinkscope
