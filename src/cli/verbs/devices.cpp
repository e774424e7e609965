#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/display_text.h"
#include "cli/verbs/verb.h"
#include "engine/llama/gpu_devices.h"
#include "report/data/output_file.h"
#include "report/text/table.h"
#include "report/text/terminal.h"

namespace sinkscope {
namespace {

std::string as_json(const std::vector<GpuDevice>& devices) {
  nlohmann::ordered_json json;
  json["schema"] = "sinkscope.devices/1";
  json["backends"] = gpu_backends();
  json["devices"] = nlohmann::ordered_json::array();
  for (const GpuDevice& device : devices) {
    json["devices"].push_back({{"name", device.name},
                               {"description", device.description},
                               {"backend", device.backend},
                               {"free_bytes", device.free_bytes},
                               {"total_bytes", device.total_bytes}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

double gib(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

void print(const std::vector<GpuDevice>& devices) {
  const std::vector<std::string> backends = gpu_backends();
  if (backends.empty()) {
    std::cout << "This build has no GPU backend: everything runs on the processor. ./dev build --gpu auto makes one.\n";
    return;
  }
  std::cout << fmt::format("GPU backends of this build: {}\n", fmt::join(backends, ", "));
  if (devices.empty()) std::cout << "No GPU was found: everything runs on the processor.\n";
  if (devices.empty()) return;
  Table table({{"", "name", false}, {"", "device", false}, {"", "GiB"}, {"", "free"}});
  for (const GpuDevice& device : devices) {
    table.add({displayable(device.name), displayable(device.description), fmt::format("{:.1f}", gib(device.total_bytes)),
               fmt::format("{:.1f}", gib(device.free_bytes))});
  }
  table.write("", Paint(TerminalStyle::of(STDOUT_FILENO)), std::cout);
}

}  // namespace

void register_devices(CLI::App& program, Action& action) {
  const auto json = std::make_shared<std::string>();
  CLI::App& verb = add_verb(program, action, "devices", "List the GPUs that models can run on",
                            "Their names are what -dev takes. A model's layers lie on all of them unless -ngl, -dev or "
                            "--split-mode say otherwise; the rest is the processor's.",
                            {{"sinkscope devices", "name, description and memory of each GPU"}}, [json] {
                              const std::vector<GpuDevice> devices = gpu_devices();
                              if (!json->empty()) {
                                write_output(*json, [&](std::ostream& out) { out << as_json(devices); });
                              }
                              if (*json != "-") print(devices);
                              return ExitCode::kDone;
                            });
  add_json_option(verb, *json, MadeKind::kDevices);
}

}  // namespace sinkscope
