#pragma once

#include <string>

#include "store/records.h"

namespace sinkscope {

// This run of the program, as results files keep it.
ProgramRun present_program_run(const std::string& precision, int n_threads);

}  // namespace sinkscope
