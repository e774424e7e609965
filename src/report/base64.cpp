#include "report/base64.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sinkscope {

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t b = 0; b < 3; ++b) word = word << 8U | (b < n ? std::to_integer<std::uint32_t>(bytes[i + b]) : 0U);
    for (std::size_t d = 0; d < 4; ++d) text += d <= n ? kDigits[word >> (18 - 6 * d) & 63U] : '=';
  }
  return text;
}

}  // namespace sinkscope
