#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/json_writer.h"
#include "base/utf8.h"
#include "sinks/fields.h"

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
  CsvRow& cell(Verdict verdict) { return cell(name_of(verdict)); }
  CsvRow& cell(SinkKind kind) { return cell(name_of(kind)); }
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

// A column for each field, and for each member of a group: visit(name, value of the record).
template <typename Fields, typename Record, typename Visit>
void for_each_column(const Fields& fields, const Record& record, const Visit& visit, std::string_view prefix = "") {
  for_each_field(fields, [&](const auto& field) {
    if constexpr (requires { field.fields; }) {
      for_each_column(field.fields, record.*field.member, visit, field.prefix);
    } else {
      visit(std::string(prefix) + std::string(field.name), record.*field.member);
    }
  });
}

template <typename Fields, typename Record>
void add_names(CsvRow& row, const Fields& fields, const Record& record) {
  for_each_column(fields, record, [&](const std::string& name, const auto&) { row.cell(std::string_view(name)); });
}

template <typename Fields, typename Record>
void add_cells(CsvRow& row, const Fields& fields, const Record& record) {
  for_each_column(fields, record, [&](const std::string&, const auto& value) { row.cell(value); });
}

}  // namespace sinkscope
