#pragma once

#include <iosfwd>
#include <vector>

#include "impact/detected_cache.h"
#include "impact/judge_protection.h"
#include "report/text/terminal.h"

namespace sinkscope {

// For each cache a table of sets and a sentence that recommends one; then llama.cpp's options.
void write_protect_terminal(const std::vector<SequenceProtection>& sequences, const JudgedProtection& judged,
                            const TerminalStyle& style, std::ostream& out);
// One sentence.
void write_detector_terminal(const MeasuredDetector& measured, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
