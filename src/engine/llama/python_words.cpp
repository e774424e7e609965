#include "engine/llama/python_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "engine/llama/jinja_names.h"

namespace sinkscope {
namespace {

using namespace jinja_names;

std::string quoted_by_python(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos, has_double = text.find('"') != std::string::npos;
  const char mark = has_single && !has_double ? '"' : '\'';
  std::string quoted(1, mark);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == mark || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n' || c == '\r' || c == '\t') {
      quoted += {'\\', c == '\n' ? 'n' : (c == '\r' ? 'r' : 't')};
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + mark;
}

std::string quoted_by_json(const std::string& text, bool ensure_ascii) {
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
  std::string quoted = "\"";
  for (const Utf8Piece& piece : Utf8Pieces(text)) {
    const auto code = static_cast<std::uint32_t>(piece.code.value_or(0x20));
    if (const std::size_t at = kEscaped.find(piece.bytes); at != std::string_view::npos) {
      quoted += {'\\', kNames[at]};
    } else if (code < 0x20 || (ensure_ascii && code >= 0x80 && code < 0x10000)) {
      quoted += fmt::format("\\u{:04x}", code);
    } else if (ensure_ascii && code >= 0x10000) {
      quoted +=
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      quoted += piece.bytes;
    }
  }
  return quoted + '"';
}

class JsonText {
 public:
  explicit JsonText(const JsonForm& form) : form_(form) {}

  std::string of(const value& of, int depth = 0) const {
    if (is_val<jinja::value_bool>(of)) return of->as_bool() ? "true" : "false";
    if (is_val<jinja::value_int>(of)) return std::to_string(of->as_int());
    if (is_val<jinja::value_float>(of)) return number(of->as_float());
    if (is_val<jinja::value_string>(of)) return quoted(of->val_str.str());
    if (is_val<jinja::value_array>(of)) {
      return listed('[', ']', depth, of->val_arr, [&](const value& item) { return this->of(item, depth + 1); });
    }
    if (is_val<jinja::value_object>(of)) {
      return listed('{', '}', depth, of->as_ordered_object(), [&](const auto& member) {
        return quoted(member.first->as_string().str()) + form_.member_mark + this->of(member.second, depth + 1);
      });
    }
    return "null";
  }

 private:
  std::string quoted(const std::string& text) const { return quoted_by_json(text, form_.ensure_ascii); }

  static std::string number(double of) {
    if (std::isnan(of)) return "NaN";
    return std::isinf(of) ? (of < 0 ? "-Infinity" : "Infinity") : python_float(of);
  }

  template <typename Items, typename Written>
  std::string listed(char open, char close, int depth, const Items& items, const Written& written) const {
    std::string text(1, open);
    const auto new_line = [&](int at) {
      if (form_.indent < 0) return std::string();
      return '\n' + std::string(static_cast<std::size_t>(form_.indent * at), ' ');
    };
    bool first = true;
    for (const auto& item : items) {
      text += (first ? "" : form_.item_mark) + new_line(depth + 1) + written(item);
      first = false;
    }
    return text + (first ? "" : new_line(depth)) + close;
  }

  const JsonForm& form_;
};

}  // namespace

std::string python_float(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 64> digits{};
  const auto written = [&](std::chars_format format) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, format).ptr;
    return std::string(digits.data(), end);
  };
  const std::string scientific = written(std::chars_format::scientific);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  std::string fixed = written(std::chars_format::fixed);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

std::string python_repr(const value& of) {
  if (of->is_none()) return "None";
  if (is_val<jinja::value_float>(of)) return python_float(of->as_float());
  if (is_val<jinja::value_string>(of)) return quoted_by_python(of->val_str.str());
  std::string text;
  if (is_val<jinja::value_array>(of)) {
    for (const value& item : of->val_arr) text += (text.empty() ? "" : ", ") + python_repr(item);
    const bool is_tuple = of->is_immutable();
    if (is_tuple && of->val_arr.size() == 1) text += ',';
    return (is_tuple ? "(" : "[") + text + (is_tuple ? ")" : "]");
  }
  if (is_val<jinja::value_object>(of)) {
    for (const auto& [key, item] : of->as_ordered_object()) {
      text += (text.empty() ? "" : ", ") + python_repr(key) + ": " + python_repr(item);
    }
    return "{" + text + "}";
  }
  return is_val<jinja::value_int>(of) || is_val<jinja::value_bool>(of) ? of->as_string().str() : "Undefined";
}

std::string python_json(const value& of, const JsonForm& form) { return JsonText(form).of(of); }

bool has_input(const value& of) {
  if (is_val<jinja::value_string>(of)) {
    return std::ranges::any_of(of->val_str.parts, [](const auto& part) { return part.is_input; });
  }
  if (is_val<jinja::value_object>(of)) {
    return std::ranges::any_of(of->as_ordered_object(),
                               [](const auto& member) { return has_input(member.first) || has_input(member.second); });
  }
  return std::ranges::any_of(of->val_arr, has_input);
}

}  // namespace sinkscope
