#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "base/utf8.h"

namespace sinkscope {

// Names that a spreadsheet could take for a formula, or that span lines, become JSON strings.
inline std::string name_cell(const std::string& name) {
  const bool plain =
      is_utf8(name) && !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
      std::ranges::none_of(name, [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; });
  return plain ? name : json_string(name);
}

// The cells of one row, by RFC 4180.
class CsvRow {
 public:
  CsvRow& cell(std::string_view text) {
    if (started_) line_ += ',';
    started_ = true;
    if (text.find_first_of("\",\r\n") == std::string_view::npos) {
      line_ += text;
      return *this;
    }
    line_ += '"';
    for (const char c : text) line_ += c == '"' ? "\"\"" : std::string(1, c);
    line_ += '"';
    return *this;
  }
  CsvRow& cell(std::int64_t value) { return cell(std::string_view(std::to_string(value))); }
  CsvRow& cell(int value) { return cell(static_cast<std::int64_t>(value)); }
  CsvRow& cell(bool value) { return cell(std::string_view(value ? "true" : "false")); }
  CsvRow& cell(float value) { return cell(std::string_view(fmt::format("{}", value))); }
  template <typename T>
  CsvRow& cell(const std::optional<T>& value) {
    return value.has_value() ? cell(*value) : empty_cell();
  }
  CsvRow& empty_cell() { return cell(std::string_view()); }
  // The row with its line end.
  std::string line() const { return line_ + "\r\n"; }

 private:
  std::string line_;
  bool started_ = false;
};

}  // namespace sinkscope
