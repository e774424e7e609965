#include "api/program_run.h"

#include <ctime>
#include <vector>

#include "api/version.h"
#include "engine/llama/model.h"

namespace sinkscope {
namespace {

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

ProgramRun present_program_run(const std::string& command, const std::string& precision, int n_threads) {
  ProgramRun run;
  run.started_utc = utc_now();
  run.sinkscope_version = library_version();
  const std::vector<std::string> engine = engine_versions();
  for (std::size_t i = 0; i + 1 < engine.size(); ++i) run.llama_version += (i > 0 ? ", " : "") + engine[i];
  if (!engine.empty()) run.cpu_features = engine.back();
  run.compiler = compiler_version();
  run.command = command;
  run.precision = precision;
  run.n_threads = n_threads;
  return run;
}

}  // namespace sinkscope
