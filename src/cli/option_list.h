#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sinkscope {

// All verbs with their options, as JSON of schema sinkscope.options/1, for other programs and for tests: of each option
// its names, what its value is called, its group, and which file it names: "input", "output" (written as a whole),
// "resumed" (made where there is none), or null for no file.
std::string option_list(const CLI::App& program);

}  // namespace sinkscope
