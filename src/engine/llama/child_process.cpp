#include "engine/llama/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr int kStep_ms = 100;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kBoundsMemory = false;  // they reserve more than any limit
#else
constexpr bool kBoundsMemory = true;
#endif

std::size_t present_bytes() {
  unsigned long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void bound(int resource, rlim_t most) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = std::min(most, limit.rlim_max);
  setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

// Leaves the child with the line as descriptor 3, and nothing where it could be read or written.
void leave_everything(int line) {
  for (const int signal : {SIGINT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPIPE})
    std::signal(signal, SIG_DFL);
  constexpr int kLine = 3;
  if (line != kLine) dup2(line, kLine);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {0, 1, 2}) dup2(nothing, descriptor);
  close_range(kLine + 1, ~0U, 0);
}

// The processor's time is counted from the start of the process.
void bound_next(double seconds) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  bound(RLIMIT_CPU,
        static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + static_cast<rlim_t>(seconds) + 2);
}

bool read_all(int line, char* bytes, std::size_t n) {
  while (n > 0) {
    const ssize_t got = read(line, bytes, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int line, const char* bytes, std::size_t n) {
  while (n > 0) {
    const ssize_t put = write(line, bytes, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes += put;
    n -= static_cast<std::size_t>(put);
  }
  return true;
}

[[noreturn]] void serve(int line, const ChildLimits& limits,
                        const std::function<std::string(std::string_view)>& answer) {
  leave_everything(line);
  constexpr int kLine = 3;
  bound(RLIMIT_CORE, 0);
  if (kBoundsMemory) bound(RLIMIT_AS, present_bytes() + limits.memory_bytes);
  std::uint64_t length = 0;
  while (read_all(kLine, reinterpret_cast<char*>(&length), sizeof length)) {
    std::string message(length, '\0');
    if (!read_all(kLine, message.data(), message.size())) break;
    bound_next(limits.seconds);
    const std::string answered = answer(message);
    length = answered.size();
    if (!write_all(kLine, reinterpret_cast<const char*>(&length), sizeof length) ||
        !write_all(kLine, answered.data(), answered.size())) {
      break;
    }
  }
  _exit(0);
}

}  // namespace

ChildProcess::ChildProcess(const ChildLimits& limits, const std::function<std::string(std::string_view)>& answer) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error(ErrorCode::kOutput, std::string("a process of its own: none can be made; ") + std::strerror(errno));
  }
  child_ = fork();
  if (child_ == 0) serve(ends[1], limits, answer);
  const int reason = errno;
  close(ends[1]);
  line_ = ends[0];
  if (child_ < 0) {
    close(std::exchange(line_, -1));
    throw Error(ErrorCode::kOutput, std::string("a process of its own: none can be made; ") + std::strerror(reason));
  }
  fcntl(line_, F_SETFL, fcntl(line_, F_GETFL) | O_NONBLOCK);
}

ChildProcess::~ChildProcess() { end(); }

void ChildProcess::end() {
  if (line_ >= 0) close(std::exchange(line_, -1));
  if (child_ <= 0) return;
  const pid_t child = std::exchange(child_, -1);
  kill(child, SIGKILL);  // which changes nothing where it has ended by itself
  int status = 0;
  pid_t waited;
  do {
    waited = waitpid(child, &status, 0);
  } while (waited < 0 && errno == EINTR);
  if (!why_.empty()) return;
  const bool out_of_time = waited == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  if (out_of_time) {
    why_ = "took longer than it may";
  } else if (waited == child && WIFSIGNALED(status)) {
    why_ = "was ended by signal " + std::to_string(WTERMSIG(status));
  } else {
    why_ = "ended without an answer";
  }
}

bool ChildProcess::may_go_on(Deadline deadline, const std::function<bool()>& should_stop) {
  if (should_stop && should_stop()) {
    why_ = "was stopped";
    end();
    throw Error(ErrorCode::kInterrupted, "stopped before the scan began");
  }
  if (std::chrono::steady_clock::now() < deadline) return true;
  why_ = "took longer than it may";
  end();
  return false;
}

bool ChildProcess::transfer(char* bytes, std::size_t n, bool sends, Deadline deadline,
                            const std::function<bool()>& should_stop) {
  while (n > 0) {
    if (!may_go_on(deadline, should_stop)) return false;
    const ssize_t moved = sends ? send(line_, bytes, n, MSG_NOSIGNAL) : recv(line_, bytes, n, 0);
    if (moved > 0) {
      bytes += moved;
      n -= static_cast<std::size_t>(moved);
      continue;
    }
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd waiting{line_, static_cast<short>(sends ? POLLOUT : POLLIN), 0};
      poll(&waiting, 1, kStep_ms);
      continue;
    }
    end();
    return false;
  }
  return true;
}

std::optional<std::string> ChildProcess::ask(std::string_view message, std::size_t most_bytes, Deadline deadline,
                                             const std::function<bool()>& should_stop) {
  if (line_ < 0) return std::nullopt;
  std::uint64_t length = message.size();
  if (!transfer(reinterpret_cast<char*>(&length), sizeof length, true, deadline, should_stop) ||
      !transfer(const_cast<char*>(message.data()), message.size(), true, deadline, should_stop) ||
      !transfer(reinterpret_cast<char*>(&length), sizeof length, false, deadline, should_stop)) {
    return std::nullopt;
  }
  if (length > most_bytes) {
    why_ = "gave more than it may";
    end();
    return std::nullopt;
  }
  std::string answered(length, '\0');
  if (!transfer(answered.data(), answered.size(), false, deadline, should_stop)) return std::nullopt;
  return answered;
}

}  // namespace sinkscope
