#pragma once

#include <iosfwd>
#include <string>

#include "report/judged.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

namespace sinkscope {

// One document for people, by the rule that it was judged by.
void write_document(const JudgedDocument& judged, const TerminalStyle& style, std::ostream& out);

// "3 secondary, 1 unaligned": kinds of sinks beside the primary, those that there are.
std::string kinds_in_words(const Counts& counts, const Paint& paint);
std::string labels_in_words(const PaperCounts& counts);

}  // namespace sinkscope
