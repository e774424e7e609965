#pragma once

#include <string>

#include "store/records.h"

namespace sinkscope {

// The record of this run that results files keep.
//
// command  what was asked for
ProgramRun present_program_run(const std::string& command, const std::string& precision, int n_threads);

}  // namespace sinkscope
