#include "cli/app.h"
#include "cli/program_runtime.h"

int main(int argc, char** argv) {
  sinkscope::wait_without_spinning(argv);
  sinkscope::apply(sinkscope::program_runtime(0).tuning);
  return static_cast<int>(sinkscope::run_program({argv + 1, argv + argc}));
}
