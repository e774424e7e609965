#include <csignal>

#include "cli/app.h"
#include "cli/program_runtime.h"

int main(int argc, char** argv) {
  sinkscope::wait_without_spinning(argv);
  // A limit on file size is then a write that fails, with a message, and no death.
  std::signal(SIGXFSZ, SIG_IGN);
  sinkscope::apply(sinkscope::program_runtime(0).tuning);
  return static_cast<int>(sinkscope::run_program({argv + 1, argv + argc}));
}
