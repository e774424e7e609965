#pragma once

#include <iosfwd>

#include "report/compared_scans.h"
#include "sinks/detection.h"

namespace sinkscope {

// JSON of schema "sinkscope.diff/1"; docs/diff.md lists its fields. Equal comparisons give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_diff_json(const ComparedScans& scans, const Thresholds& thresholds, std::ostream& out);

}  // namespace sinkscope
