#pragma once

#include <iosfwd>
#include <vector>

#include "report/file_levels.h"
#include "report/text/terminal.h"

namespace sinkscope {

// The levels of results files for people; several files also side by side, by layer and by depth fraction.
void write_levels_terminal(const std::vector<FileLevels>& files, const TerminalStyle& style, std::ostream& out);

}  // namespace sinkscope
