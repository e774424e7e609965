#pragma once

#include <iosfwd>
#include <string>

#include "report/counts.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

namespace sinkscope {

// One document for people. Both return what was counted.
//
// show  false: count only, print nothing
Counts write_document(const ScanFile& file, const StoredDocument& document, const Thresholds& thresholds,
                      const TerminalStyle& style, bool show, std::ostream& out);
PaperCounts write_paper_document(const ScanFile& file, const StoredDocument& document, const PaperOptions& options,
                                 const TerminalStyle& style, bool show, std::ostream& out);

// "3 secondary, 1 unaligned": kinds of sinks beside the primary, those that there are.
std::string kinds_in_words(const Counts& counts, const Paint& paint);
std::string labels_in_words(const PaperCounts& counts);
// "38 aligned_only (no attention), 41 transient (one layer)": runs that are no sinks; empty if there are none.
std::string other_runs_in_words(const Counts& counts);

}  // namespace sinkscope
