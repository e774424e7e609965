#pragma once

#include <optional>
#include <string>

#include "report/options.h"
#include "report/text/terminal.h"

namespace sinkscope {

// Results as JSON and as text on standard output, judged once for both.
//
// json   where JSON goes; "-": standard output, with nothing else on it; empty: none
// style  of the text; nothing: none is written
// throws  as write_json and write_output
void show_results(const ScanFile& file, const ReportOptions& options, const std::string& json,
                  const std::optional<TerminalStyle>& style);

}  // namespace sinkscope
