#include "report/data/csv_table.h"

#include <ostream>

#include "base/error.h"
#include "base/json_writer.h"
#include "report/data/csv_row.h"

namespace sinkscope {
namespace {

void add_cell(CsvRow& row, const DataColumn& column, std::size_t i) {
  if (column.is_measured[i] == 0) {
    row.empty_cell();
  } else if (const auto* texts = std::get_if<DataColumn::Texts>(&column.values)) {
    const std::string& text = (*texts)[i];
    row.cell(std::string_view(column.name == "id"     ? name_cell(text)
                              : column.name == "text" ? json_string(text)
                                                      : text));
  } else if (const auto* numbers = std::get_if<DataColumn::Numbers>(&column.values)) {
    row.cell((*numbers)[i]);
  } else if (const auto* flags = std::get_if<DataColumn::Flags>(&column.values)) {
    row.cell((*flags)[i] != 0);
  } else {
    row.cell(std::get<DataColumn::Integers>(column.values)[i]);
  }
}

}  // namespace

std::string csv_names(const DataTable& table) {
  CsvRow names;
  for (const DataColumn& column : table.columns()) names.cell(std::string_view(column.name));
  return names.line();
}

std::string csv_line(const DataTable& table, std::size_t row) {
  CsvRow line;
  for (const DataColumn& column : table.columns()) add_cell(line, column, row);
  return line.line();
}

void write_csv_table(const DataTable& table, std::ostream& out) {
  out << csv_names(table);
  for (std::size_t i = 0; i < table.n_rows(); ++i) out << csv_line(table, i);
  if (!out.flush()) throw Error(ErrorCode::kOutput, "CSV: writing failed; check the free space");
}

}  // namespace sinkscope
