#pragma once

#include <stdexcept>
#include <string>

namespace sinkscope {

// What kind of thing went wrong; `cli` maps each to an exit code.
enum class ErrorCode {
  kInternal,     // a broken invariant of ours
  kShape,        // a tensor of another shape than the function takes
  kUsage,        // the command line
  kInput,        // a document, a token file, a results file that is read
  kModel,        // a model file, or what it cannot do
  kOutput,       // something could not be written
  kInterrupted,  // the user asked to stop
};

// The one exception of the project.
//
// message  one line: what went wrong; what was expected; what came; what to try
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace sinkscope
