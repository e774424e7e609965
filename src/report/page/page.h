#pragma once

#include <iosfwd>
#include <span>

#include "levels/levels.h"
#include "report/named_scan.h"
#include "report/options.h"

namespace sinkscope {

struct HtmlOptions {
  ReportOptions report;  // rule evidence
  LevelOptions levels;
  int detail_documents = 3;  // of each file: those with the most sinks carry full layers x tokens maps
};

// The report: one HTML file with its styles, script and data inside, which loads nothing from anywhere. A content
// security policy lets only that one script and style sheet run, and every text is data to them.
//
// Equal files and options give equal bytes.
// throws  Error{kUsage} as check_answerable, and for another rule than evidence; Error{kInput} if a file is damaged;
//         Error{kOutput} if `out` fails
// memory  one document at a time
void write_html(std::span<const NamedScan> scans, const HtmlOptions& options, std::ostream& out);

}  // namespace sinkscope
