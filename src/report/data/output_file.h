#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace sinkscope {

// Writes a file as a whole: into a temporary file beside it, which takes its place when everything is on disk.
// An earlier file of that name stays as it was if anything fails. A pipe or a device is written as it is, and "-" is
// standard output.
//
// throws  Error{kOutput} if it cannot be written; whatever `write` threw
void write_output(const std::string& path, const std::function<void(std::ostream&)>& write);

}  // namespace sinkscope
