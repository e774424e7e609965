#pragma once

#include <iosfwd>

#include "report/options.h"

namespace sinkscope {

// One row a run, of every verdict, and one a primary; RFC 4180, UTF-8, empty where not measured.
//
// throws  as write_json
void write_csv(const ScanFile& file, const ReportOptions& options, std::ostream& out);

}  // namespace sinkscope
