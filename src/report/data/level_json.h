#pragma once

#include <iosfwd>
#include <vector>

#include "report/file_levels.h"

namespace sinkscope {

// JSON of schema "sinkscope.levels/3"; docs/levels.md lists its fields. Equal reports give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_levels_json(const std::vector<FileLevels>& files, const LevelOptions& options, std::ostream& out);

}  // namespace sinkscope
