#pragma once

#include "base/error.h"

namespace sinkscope {

enum class ExitCode : int {
  kDone = 0,
  kInternal = 1,
  kUsage = 2,
  kInput = 3,
  kModel = 4,
  kSomeSkipped = 5,  // results are complete but for input that could not be used, or say nothing: texts are too short
  kFloorMissed = 6,  // a check ran and a stated floor was missed
  kOutput = 7,
  kInterrupted = 130,
};

ExitCode exit_code_of(ErrorCode code);

}  // namespace sinkscope
