#pragma once

#include <string>

namespace sinkscope {

// "0.1.0"
std::string library_version();
// What compiled the library: "g++ 12.2.0".
std::string compiler_version();

}  // namespace sinkscope
