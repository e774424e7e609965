#pragma once

#include <string>
#include <vector>

namespace sinkscope {

// The program's version, then one line for each thing that it is made of.
std::string version_text();

// The arguments that the program was started with, for the record of a results file.
void set_command_line(const std::vector<std::string>& arguments);
const std::string& command_line();

}  // namespace sinkscope
