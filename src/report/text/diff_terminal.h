#pragma once

#include <iosfwd>

#include "report/compared_scans.h"
#include "report/text/terminal.h"

namespace sinkscope {

// What became of the sinks of one scan in another, for people: models and options that differ, counts, figures, then
// the sinks that are not the same in both.
void write_diff_terminal(const ComparedScans& scans, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
