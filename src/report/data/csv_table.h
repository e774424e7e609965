#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "report/data_table.h"

namespace sinkscope {

// The line of the columns' names.
std::string csv_names(const DataTable& table);
// The line of one row. What is not measured is an empty cell; names that a spreadsheet could take for a formula, and
// tokens, are JSON strings.
std::string csv_line(const DataTable& table, std::size_t row);
// The whole table.
//
// throws  Error{kOutput} if `out` fails
void write_csv_table(const DataTable& table, std::ostream& out);

}  // namespace sinkscope
