#pragma once

#include <string>

#include "base/error.h"

namespace sinkscope {

// What a network computed is no number. Whoever knows the model's file may find out why, and say so instead.
class NotFinite final : public Error {
 public:
  explicit NotFinite(const std::string& message) : Error(ErrorCode::kModel, message) {}
};

}  // namespace sinkscope
