#pragma once

#include <iosfwd>

#include "impact/steer.h"
#include "report/text/terminal.h"

namespace sinkscope {

// A table of the changed tokens, one of the primary in the blocks behind, and what predictions lose.
void write_steer_terminal(const Steering& steering, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
