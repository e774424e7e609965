#include "base/words.h"

#include <fmt/format.h>

namespace sinkscope {
namespace {

std::string range_text(const IntRange& range, std::string_view dash) {
  const auto& [first, last] = range;
  return first == last ? std::to_string(first) : fmt::format("{}{}{}", first, dash, last);
}

}  // namespace

std::string grouped(std::int64_t n) {
  if (n < 0) return fmt::format("-{}", grouped(-n));
  return n < 1000 ? std::to_string(n) : fmt::format("{},{:03}", grouped(n / 1000), n % 1000);
}

std::string plural(std::int64_t n, std::string_view noun) { return fmt::format("{}{}", noun, n == 1 ? "" : "s"); }

std::string counted(std::int64_t n, std::string_view noun) { return grouped(n) + " " + plural(n, noun); }

std::string count_of(std::int64_t n, std::string_view noun) { return fmt::format("{} {}", n, plural(n, noun)); }

namespace {

bool is_zero(std::string_view number) { return number.find_first_not_of("-0.") == number.npos; }

}  // namespace

std::string fixed(double value, int digits) {
  const std::string text = fmt::format("{:.{}f}", value, digits);
  return is_zero(text) && text.starts_with('-') ? text.substr(1) : text;
}

std::string signed_fixed(double value, int digits) {
  const std::string text = fixed(value, digits);
  return value > 0 && !is_zero(text) ? "+" + text : text;
}

std::vector<IntRange> ranges_of(std::span<const int> ascending) {
  std::vector<IntRange> ranges;
  for (const int value : ascending) {
    if (!ranges.empty() && ranges.back().second + 1 == value) {
      ranges.back().second = value;
    } else {
      ranges.emplace_back(value, value);
    }
  }
  return ranges;
}

std::string layer_range(int first, int last) { return layer_ranges({{first, last}}); }

std::string layer_ranges(const std::vector<IntRange>& ranges) {
  if (ranges.empty()) return "no layer";
  const bool one = ranges.size() == 1 && ranges[0].first == ranges[0].second;
  std::string words = plural(one ? 1 : 2, "layer") + " ";
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    words += i == 0 ? "" : i + 1 == ranges.size() ? " and " : ", ";
    words += range_text(ranges[i], "\u2013");
  }
  return words;
}

std::string plain_ranges(const std::vector<IntRange>& ranges) {
  std::string text;
  for (const IntRange& range : ranges) text += (text.empty() ? "" : ", ") + range_text(range, "-");
  return text;
}

}  // namespace sinkscope
