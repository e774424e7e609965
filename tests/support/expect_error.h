#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"

namespace sinkscope {

// Runs the action and expects an Error of this code, of one line.
//
// returns  its message; nothing if none was thrown, which is a failure of the test
inline std::string error_message(ErrorCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.code(), code) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "expected an Error";
  return {};
}

// The same, and that the message holds `part`.
inline void expect_error(ErrorCode code, const std::string& part, const std::function<void()>& action) {
  const std::string message = error_message(code, action);
  EXPECT_NE(message.find(part), std::string::npos) << "expected an Error about: " << part << "; got: " << message;
}

}  // namespace sinkscope
