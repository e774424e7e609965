#pragma once

#include <string>

#include "base/error.h"

namespace sinkscope {

// One text that the model's own rules do not take, as a chat template that wants other roles: others may pass, so a
// corpus goes on without it.
class RefusedText final : public Error {
 public:
  explicit RefusedText(const std::string& message) : Error(ErrorCode::kModel, message) {}
};

}  // namespace sinkscope
