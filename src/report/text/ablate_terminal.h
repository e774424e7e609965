#pragma once

#include <iosfwd>

#include "impact/judge_ablation.h"
#include "report/text/terminal.h"

namespace sinkscope {

// An ablation for people: of each edit what was removed, the effect on the primary by block beside the placebo's, and
// the verdict with its figures.
void write_ablate_terminal(const Ablation& ablation, const JudgedAblation& judged, const TerminalStyle& style,
                           std::ostream& out);

}  // namespace sinkscope
