#pragma once

#include <string>

#include "base/error.h"
#include "store/sqlite.h"

namespace sinkscope {

// SQLite reads some names otherwise (":memory:", "file:..."), but none that begins with a slash or a dot.
std::string sqlite_path(const std::string& path);

// SQLite takes a file that is shorter than its smallest page for a new one, and would write over it.
//
// throws  Error{code} for such a file, if it is not empty
void check_size(const std::string& path, ErrorCode code);

// throws  Error{kInput} unless the path is a regular file that may be a results file
void check_regular_file(const std::string& path);

// throws  Error{kInput} if the file cannot be read; other errors come with the first statement
Database open_for_reading(const std::string& path);

}  // namespace sinkscope
