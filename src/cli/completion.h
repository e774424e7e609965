#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sinkscope {

// A script that completes verbs, options and their values, made from the program's own options.
//
// shell    bash, zsh or fish
// returns  the script; values that are files are completed by the shell
std::string completion_script(const CLI::App& program, const std::string& shell);

}  // namespace sinkscope
