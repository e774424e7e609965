#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sinkscope {

// One column: a value a row.
struct DataColumn {
  using Integers = std::vector<std::int64_t>;
  using Numbers = std::vector<float>;
  using Flags = std::vector<std::uint8_t>;  // 0 or 1
  using Texts = std::vector<std::string>;   // bytes: those of tokens and names may be no UTF-8

  std::string name, unit, help;
  std::variant<Integers, Numbers, Flags, Texts> values;  // [n_rows]
  std::vector<std::uint8_t> is_measured;                 // [n_rows] where 0, the value means nothing
};

// A column without rows.
inline DataColumn data_column(std::string_view name, std::string_view unit, std::string_view help,
                              decltype(DataColumn::values) values) {
  return {std::string(name), std::string(unit), std::string(help), std::move(values), {}};
}

// Fills one row of columns from left to right, each cell of its column's type.
class DataRow {
 public:
  explicit DataRow(std::span<DataColumn> columns) : columns_(columns) {}

  DataRow& put(bool value) { return append<DataColumn::Flags>(std::uint8_t{value}); }
  template <std::integral Integer>
  DataRow& put(Integer value) {
    return append<DataColumn::Integers>(static_cast<std::int64_t>(value));
  }
  template <std::floating_point Number>
  DataRow& put(Number value) {
    return append<DataColumn::Numbers>(static_cast<float>(value));
  }
  DataRow& put(std::string text) { return append<DataColumn::Texts>(std::move(text)); }
  DataRow& put(std::string_view text) { return put(std::string(text)); }
  DataRow& put(const char* text) { return put(std::string(text)); }
  template <typename T>
  DataRow& put(const std::optional<T>& value) {
    return value ? put(*value) : put_nothing();
  }
  DataRow& put_nothing() {
    DataColumn& column = columns_[next_++];
    std::visit([](auto& values) { values.emplace_back(); }, column.values);
    column.is_measured.push_back(0);
    return *this;
  }

 private:
  template <typename Values>
  DataRow& append(typename Values::value_type value) {
    DataColumn& column = columns_[next_++];
    std::get<Values>(column.values).push_back(std::move(value));
    column.is_measured.push_back(1);
    return *this;
  }

  std::span<DataColumn> columns_;
  std::size_t next_ = 0;
};

// A table, column after column. CSV and data frames are made of it.
class DataTable {
 public:
  // columns  at least one, of equally many rows
  explicit DataTable(std::vector<DataColumn> columns) : columns_(std::move(columns)) {}

  std::size_t n_rows() const { return columns_.front().is_measured.size(); }
  std::span<const DataColumn> columns() const { return columns_; }
  DataRow add_row() { return DataRow(columns_); }
  // Takes all rows away.
  void clear() {
    for (DataColumn& column : columns_) {
      std::visit([](auto& values) { values.clear(); }, column.values);
      column.is_measured.clear();
    }
  }

 private:
  std::vector<DataColumn> columns_;
};

}  // namespace sinkscope
