#include "base/utf8.h"

#include <array>

namespace sinkscope {
namespace {

// Code points that stand for the bytes 0x80 .. 0xFF.
constexpr char32_t kFirstPrivate = 0x10FF80;

bool is_private(const std::optional<char32_t>& code) { return code && *code >= kFirstPrivate; }

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
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    if (!piece.code) return false;
  }
  return true;
}

Utf8Piece utf8_piece(std::string_view bytes, std::size_t at) {
  const std::size_t length = utf8_length(bytes, at);
  if (length == 0) return {bytes.substr(at, 1), std::nullopt};
  constexpr std::array<unsigned, 5> kFirstMask = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t code = static_cast<unsigned char>(bytes[at]) & kFirstMask[length];
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (static_cast<unsigned char>(bytes[at + i]) & 0x3FU);
  return {bytes.substr(at, length), code};
}

std::string to_private_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    // Private code points that the text itself holds are taken apart too, so that the way back is exact.
    if (piece.code && !is_private(piece.code)) {
      text += piece.bytes;
      continue;
    }
    for (const char byte : piece.bytes) {
      const auto c = static_cast<unsigned char>(byte);
      text += "\xF4\x8F";
      text += static_cast<char>(c < 0xC0U ? 0xBE : 0xBF);
      text += static_cast<char>(0x80U | (c & 0x3FU));
    }
  }
  return text;
}

std::string from_private_bytes(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const Utf8Piece& piece : Utf8Pieces(text)) {
    if (is_private(piece.code)) {
      bytes += static_cast<char>(0x80U + (*piece.code - kFirstPrivate));
    } else {
      bytes += piece.bytes;
    }
  }
  return bytes;
}

}  // namespace sinkscope
