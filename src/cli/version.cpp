#include "cli/version.h"

#include <fmt/format.h>

#include "api/version.h"
#include "engine/llama/model.h"

namespace sinkscope {
namespace {
std::string arguments_text;
}

void set_command_line(const std::vector<std::string>& arguments) {
  arguments_text = fmt::format("{}", fmt::join(arguments, " "));
}

const std::string& command_line() { return arguments_text; }

std::string version_text() {
  std::string text = "sinkscope " + library_version();
  for (const std::string& line : engine_versions()) text += "\n" + line;
  return text;
}

}  // namespace sinkscope
