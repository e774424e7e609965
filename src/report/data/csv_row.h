#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sinkscope {

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
  CsvRow& cell(bool value) { return cell(std::string_view(value ? "true" : "false")); }
  CsvRow& cell(float value) { return cell(std::string_view(fmt::format("{}", value))); }
  CsvRow& empty_cell() { return cell(std::string_view()); }
  // The row with its line end.
  std::string line() const { return line_ + "\r\n"; }

 private:
  std::string line_;
  bool started_ = false;
};

}  // namespace sinkscope
