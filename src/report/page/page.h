#pragma once

#include <iosfwd>
#include <span>
#include <vector>

#include "levels/levels.h"
#include "report/findings.h"
#include "report/named_scan.h"

namespace sinkscope {

struct HtmlOptions {
  ReportOptions report;
  LevelOptions levels;
  int detail_documents = 3;  // of each file: those with the most sinks carry full layers x tokens maps
};

// The report: one HTML file with its styles, script and data inside, which loads nothing from anywhere. A content
// security policy lets only that one script and style sheet run, and every text is data to them.
//
// Equal files and options give equal bytes.
// throws  Error{kUsage} as check_answerable; Error{kInput} if a file is damaged;
//         Error{kOutput} if `out` fails
// returns what was found in each file, for who says it elsewhere as well
// memory  one document at a time, and a few words a document and a sink; what must wait for its turn in the page waits
//         in a temporary file (TMPDIR)
std::vector<Overview> write_html(std::span<const NamedScan> scans, const HtmlOptions& options, std::ostream& out);

}  // namespace sinkscope
