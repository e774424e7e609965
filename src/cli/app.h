#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/exit_code.h"

namespace sinkscope {

// The whole program: parses, runs the verb, and turns every error into one line on standard error.
//
// arguments  without the program's name
ExitCode run_program(std::vector<std::string> arguments);

}  // namespace sinkscope
