#include "cli/exit_code.h"

namespace sinkscope {

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
    case ErrorCode::kShape:
      return ExitCode::kInternal;
    case ErrorCode::kUsage:
      return ExitCode::kUsage;
    case ErrorCode::kInput:
      return ExitCode::kInput;
    case ErrorCode::kModel:
      return ExitCode::kModel;
    case ErrorCode::kOutput:
      return ExitCode::kOutput;
    case ErrorCode::kInterrupted:
      return ExitCode::kInterrupted;
  }
  return ExitCode::kInternal;
}

}  // namespace sinkscope
