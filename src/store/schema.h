#pragma once

#include <string_view>

#include "store/sqlite.h"

namespace sinkscope {

// Refuses a file whose tables are not, word for word, those of the statements: what our schema does not have (views,
// triggers, hidden columns, conditions) would be run or filled while a file of somebody else's making is read.
//
// required  CREATE statements, every one of which made something of the file
// optional  CREATE statements that may have, or not
// throws    Error{kInput} naming the first difference
// cost      makes the tables once in memory, and compares texts
void check_schema(Database& database, std::string_view required, std::string_view optional = {});

}  // namespace sinkscope
