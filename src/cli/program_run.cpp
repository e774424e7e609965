#include "cli/program_run.h"

#include <ctime>

#include "cli/version.h"
#include "engine/llama/model.h"

namespace sinkscope {
namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

}  // namespace

ProgramRun present_program_run(const std::string& precision, int n_threads) {
  ProgramRun run;
  run.started_utc = utc_now();
  run.sinkscope_version = program_version();
  const std::vector<std::string> engine = engine_versions();
  for (std::size_t i = 0; i + 1 < engine.size(); ++i) run.llama_version += (i > 0 ? ", " : "") + engine[i];
  if (!engine.empty()) run.cpu_features = engine.back();
  run.compiler = compiler_version();
  run.command = command_line();
  run.precision = precision;
  run.n_threads = n_threads;
  return run;
}

}  // namespace sinkscope
