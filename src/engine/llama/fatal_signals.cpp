#include "engine/llama/fatal_signals.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace sinkscope {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 5> kFatal = {
    {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}}};
constexpr std::size_t kLineBytes = 256;
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

std::atomic<int> at_work{0};
std::atomic<void (*)(const char*)> tell{nullptr};
// Written by any thread, read by a handler: a line that is half another's is better than none.
std::array<std::atomic<char>, kLineBytes> last_words{};

// Signal handlers may neither allocate nor lock.
class Line {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      if (length_ + 1 < bytes_.size()) bytes_[length_++] = c < ' ' ? ' ' : c;
    }
  }
  const char* text() const { return bytes_.data(); }

 private:
  std::array<char, 512> bytes_{};
  std::size_t length_ = 0;
};

void on_signal(int signal) {
  const auto on_fatal = tell.load();
  if (on_fatal == nullptr || at_work.load() == 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  Line line;
  line.add("its engine was ended by ");
  for (const auto& [number, name] : kFatal) {
    if (number == signal) line.add(name);
  }
  std::array<char, kLineBytes> words{};
  std::ranges::copy(last_words, words.begin());
  words.back() = '\0';
  if (words[0] != '\0') {
    line.add("; it said last, ");
    line.add(words.data());
  }
  on_fatal(line.text());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

EngineAtWork::EngineAtWork() { ++at_work; }
EngineAtWork::~EngineAtWork() { --at_work; }

void watch_fatal_signals(void (*on_fatal)(const char* message)) {
  tell = on_fatal;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // A stack of its own: the thread's may be what has run out.
  static std::array<std::byte, kStackBytes> stack;
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  sigaltstack(&alternative, nullptr);
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_NODEFER);
  sigemptyset(&action.sa_mask);
  for (const auto& [number, name] : kFatal) sigaction(number, &action, nullptr);
#endif
}

void remember_last_words(const char* line) {
  const std::size_t length = std::min(std::strlen(line), kLineBytes - 1);
  for (std::size_t i = 0; i < kLineBytes; ++i) last_words[i] = i < length ? line[i] : '\0';
}

}  // namespace sinkscope
