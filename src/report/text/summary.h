#pragma once

#include <iosfwd>
#include <span>

#include "levels/levels.h"
#include "report/findings.h"
#include "report/named_scan.h"

namespace sinkscope {

// The report's overview as text: Markdown that also reads well as it stands. Names and tokens are escaped, so that none
// of them is markup.
//
// throws  Error{kUsage} as check_answerable; Error{kInput} if a file is damaged; Error{kOutput} if `out` fails
void write_summary(std::span<const NamedScan> scans, const ReportOptions& options, const LevelOptions& levels,
                   std::ostream& out);
// The same of files that were judged already, each with its overview.
void write_summary(std::span<const NamedScan> scans, std::span<const Overview> overviews, std::ostream& out);

}  // namespace sinkscope
