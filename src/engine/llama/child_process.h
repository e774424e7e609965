#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sinkscope {

struct ChildLimits {
  std::size_t memory_bytes = 0;  // beside what it has when it begins
  double seconds = 0;            // of the processor, for one message
};

// A copy of this process that answers messages until it is no longer wanted. It has no open file but the line to this
// process, stops at Ctrl-C like any program, and leaves no core.
class ChildProcess {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // answer  is called in the child for each message; what it returns is sent back. It must not throw
  // throws  Error{kOutput} if no process can be made
  ChildProcess(const ChildLimits& limits, const std::function<std::string(std::string_view message)>& answer);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Sends a message and waits for the answer.
  //
  // most_bytes   of an answer; a longer one is none
  // should_stop  asked ten times a second
  // returns      nothing if the child ended, answered too much, or not before the deadline: it is ended then, and why()
  //              says which
  // throws       Error{kInterrupted} if should_stop says so; the child is ended then
  std::optional<std::string> ask(std::string_view message, std::size_t most_bytes, Deadline deadline,
                                 const std::function<bool()>& should_stop);
  // Why there was no answer: "took longer than it may", "was ended by signal 11", ...
  const std::string& why() const { return why_; }

 private:
  bool may_go_on(Deadline deadline, const std::function<bool()>& should_stop);
  bool transfer(char* bytes, std::size_t n, bool sends, Deadline deadline, const std::function<bool()>& should_stop);
  void end();

  pid_t child_ = -1;
  int line_ = -1;
  std::string why_;
};

}  // namespace sinkscope
