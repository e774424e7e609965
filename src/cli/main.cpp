#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "cli/app.h"
#include "engine/llama/model.h"

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
  _exit(static_cast<int>(sinkscope::ExitCode::kModel));
}

// OpenMP's threads wait for each other at some thousand barriers a micro-batch, spinning for milliseconds at each.
// Where other programs want the processors too, that made scans ten times slower. The library reads its setting when it
// is loaded, so the program starts itself again, once, with a short wait in the environment.
void wait_without_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "20000", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  wait_without_spinning(argv);
  sinkscope::set_fatal_handler(on_fatal);
  return static_cast<int>(sinkscope::run_program({argv + 1, argv + argc}));
}
