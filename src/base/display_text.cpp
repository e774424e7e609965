#include "base/display_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "base/utf8.h"

namespace sinkscope {
namespace {

struct Range {
  char32_t first, last;
};

// Unicode 15: East Asian Width W and F, and emoji that terminals show in two columns.
constexpr auto kWide = std::to_array<Range>({
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},
    {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},
    {0x2693, 0x2693},   {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},
    {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},
    {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},
    {0x2E80, 0x303E},   {0x3041, 0x3247},   {0x3250, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE6F},   {0xFF01, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x16FE0, 0x18AFF}, {0x1AFF0, 0x1B2FF}, {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF},
    {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4},
    {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E},
    {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2}, {0x1F6D5, 0x1F6D7}, {0x1F6DC, 0x1F6DF},
    {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F7F0, 0x1F7F0}, {0x1F90C, 0x1F93A},
    {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
});

// Combining marks of the scripts that models write most, and variation selectors.
constexpr auto kCombining = std::to_array<Range>({
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x05BF, 0x05BF}, {0x05C1, 0x05C2},   {0x05C4, 0x05C5},
    {0x0610, 0x061A}, {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4},   {0x06E7, 0x06E8},
    {0x06EA, 0x06ED}, {0x0900, 0x0902}, {0x093A, 0x093A}, {0x093C, 0x093C}, {0x0941, 0x0948},   {0x094D, 0x094D},
    {0x0951, 0x0957}, {0x0962, 0x0963}, {0x0981, 0x0981}, {0x09BC, 0x09BC}, {0x09C1, 0x09C4},   {0x09CD, 0x09CD},
    {0x0BC0, 0x0BC0}, {0x0BCD, 0x0BCD}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},   {0x1AB0, 0x1ACE},
    {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF},
});

// What is shown by its number: C1 controls, invisible and direction-changing code points, private use, and tags.
constexpr auto kHidden = std::to_array<Range>({
    {0x0080, 0x009F},
    {0x00AD, 0x00AD},
    {0x034F, 0x034F},
    {0x061C, 0x061C},
    {0x115F, 0x1160},
    {0x180E, 0x180E},
    {0x200B, 0x200F},
    {0x2028, 0x202E},
    {0x2060, 0x206F},
    {0x3164, 0x3164},
    {0xE000, 0xF8FF},
    {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB},
    {0xFFFE, 0xFFFF},
    {0x1D173, 0x1D17A},
    {0xE0000, 0xE00FF},
    {0xF0000, 0x10FFFF},
});

bool is_in(std::span<const Range> ranges, char32_t code) {
  const auto after = std::ranges::upper_bound(ranges, code, {}, &Range::first);
  return after != ranges.begin() && code <= std::prev(after)->last;
}

// A piece of shown text that is not cut: a character, or a colour sequence, with its width.
struct Piece {
  std::string_view bytes;
  int width;
};

Piece piece_at(std::string_view text, std::size_t at) {
  if (text[at] == '\x1b') {
    const std::size_t end = text.find('m', at);
    return {text.substr(at, end == std::string_view::npos ? end : end - at + 1), 0};
  }
  const Utf8Piece piece = utf8_piece(text, at);
  const char32_t code = piece.code.value_or(0);
  return {piece.bytes, is_in(kCombining, code) ? 0 : is_in(kWide, code) ? 2 : 1};
}

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < text.size(); at += pieces.back().bytes.size()) pieces.push_back(piece_at(text, at));
  return pieces;
}

constexpr std::string_view kEllipsis = "\u2026";

}  // namespace

std::string displayable(std::string_view bytes) {
  std::string text;
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    if (!piece.code) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(piece.bytes[0]));
    } else if (piece.code == U'\n') {
      text += "\u21b5";
    } else if (piece.code == U'\t') {
      text += "\u21e5";
    } else if (*piece.code < 0x20 || *piece.code == 0x7F) {
      text += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(*piece.code));
    } else if (is_in(kHidden, *piece.code)) {
      text += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(*piece.code));
    } else {
      text += piece.bytes;
    }
  }
  return text;
}

std::string clip_token(std::string_view bytes) {
  constexpr std::size_t kMostBytes = 200;
  if (bytes.size() <= kMostBytes) return std::string(bytes);
  std::size_t end = 0;
  for (const Utf8Piece& piece : Utf8Pieces(bytes)) {
    if (end + piece.bytes.size() > kMostBytes) break;
    end += piece.bytes.size();
  }
  return std::string(bytes.substr(0, end)) + std::string(kEllipsis);
}

int display_width(std::string_view text) {
  int width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Piece piece = piece_at(text, at);
    width += piece.width;
    at += piece.bytes.size();
  }
  return width;
}

std::string clip_end(std::string_view text, int columns) {
  if (display_width(text) <= columns) return std::string(text);
  std::string kept;
  int width = 1;  // the ellipsis
  for (const Piece& piece : pieces_of(text)) {
    if (width + piece.width > columns) break;
    width += piece.width;
    kept += piece.bytes;
  }
  return columns < 1 ? std::string() : kept + std::string(kEllipsis);
}

std::string clip_start(std::string_view text, int columns) {
  if (display_width(text) <= columns) return std::string(text);
  const auto pieces = pieces_of(text);
  std::size_t first = pieces.size();
  int width = 1;  // the ellipsis
  while (first > 0 && width + pieces[first - 1].width <= columns) width += pieces[--first].width;
  // A combining mark belongs to what was cut.
  while (first < pieces.size() && pieces[first].width == 0) ++first;
  std::string kept(columns < 1 ? std::string_view() : kEllipsis);
  for (; first < pieces.size(); ++first) kept += pieces[first].bytes;
  return kept;
}

std::string wrapped(std::string_view lead, std::string_view text, int width) {
  const int indent = display_width(lead);
  std::string lines, line(lead);
  int used = indent;
  while (true) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    const int columns = display_width(word);
    if (used > indent && used + 1 + columns > width) {
      lines += line + '\n';
      line.assign(static_cast<std::size_t>(indent), ' ');
      used = indent;
    }
    if (used > indent) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns;
    if (end == std::string_view::npos) return lines + line + '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace sinkscope
