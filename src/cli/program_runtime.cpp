#include "cli/program_runtime.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "cli/exit_code.h"

namespace sinkscope {
namespace {

// llama.cpp is about to end the process: say so in one line and leave without a core dump.
void on_fatal(const char* message) {
  const auto print = [](const char* text, std::size_t n) { (void)!write(STDERR_FILENO, text, n); };
  constexpr char kBefore[] = "sinkscope: error: llama.cpp cannot run this model: ";
  print(kBefore, sizeof kBefore - 1);
  // It begins with the folder in which llama.cpp was built.
  const std::size_t length = std::strcspn(message, "\n");
  std::size_t start = 0;
  for (std::size_t i = 0; i < length && message[i] != ':'; ++i) {
    if (message[i] == '/') start = i + 1;
  }
  print(message + start, length - start);
  print("\n", 1);
  _exit(static_cast<int>(ExitCode::kModel));
}

}  // namespace

Runtime program_runtime(int n_threads) {
  Runtime runtime;
  runtime.tuning.large_arrays_by_pages = true;
  runtime.tuning.release_start_up_pages = true;
  runtime.tuning.on_fatal = on_fatal;
  runtime.n_threads = n_threads;
  return runtime;
}

void wait_without_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "20000", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace sinkscope
