#include "engine/llama/gpu_devices.h"

#include <ggml-backend.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "engine/gpu/column_work.h"
#include "engine/gpu/proxy_device.h"
#include "engine/llama/llama_library.h"
#include "engine/llama/model_file.h"

namespace sinkscope {
namespace {

// Discrete GPUs; integrated ones where there is none, as llama.cpp has it.
std::vector<ggml_backend_dev_t> all_gpus() {
  for (const auto type : {GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU}) {
    std::vector<ggml_backend_dev_t> found;
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
      const ggml_backend_dev_t device = ggml_backend_dev_get(i);
      if (ggml_backend_dev_type(device) == type) found.push_back(device);
    }
    if (!found.empty()) return found;
  }
  return {};
}

std::string backend_of(ggml_backend_dev_t device) {
  const ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(device);
  return registry ? ggml_backend_reg_name(registry) : "unknown";
}

std::string names_of(const std::vector<ggml_backend_dev_t>& devices) {
  std::string names;
  for (const ggml_backend_dev_t device : devices) {
    names += (names.empty() ? "" : ", ") + std::string(ggml_backend_dev_name(device));
  }
  return names.empty() ? "none" : names;
}

std::vector<ggml_backend_dev_t> chosen_gpus(const DeviceOptions& options) {
  const std::vector<ggml_backend_dev_t> all = all_gpus();
  std::vector<ggml_backend_dev_t> chosen;
  for (const std::string& name : options.names) {
    if (name == "none" && options.names.size() == 1) return {};
    const auto found =
        std::ranges::find_if(all, [&](ggml_backend_dev_t d) { return name == ggml_backend_dev_name(d); });
    if (found == all.end()) {
      throw Error(ErrorCode::kUsage,
                  "-dev " + name + ": expected a GPU of this build and machine, or none; there are: " + names_of(all) +
                      "; sinkscope devices lists them");
    }
    chosen.push_back(*found);
  }
  if (options.names.empty()) chosen = all;
  if (options.split_layers || chosen.empty()) return chosen;
  if (options.main_gpu < 0 || static_cast<std::size_t>(options.main_gpu) >= chosen.size()) {
    throw Error(ErrorCode::kUsage, "--main-gpu " + std::to_string(options.main_gpu) + ": expected 0 to " +
                                       std::to_string(chosen.size() - 1) + ", which number the devices " +
                                       names_of(chosen));
  }
  return {chosen[static_cast<std::size_t>(options.main_gpu)]};
}

std::uint64_t free_memory(const std::vector<ggml_backend_dev_t>& devices, std::uint64_t of_device) {
  std::uint64_t sum = 0;
  for (const ggml_backend_dev_t device : devices) {
    std::size_t free = 0, total = 0;
    ggml_backend_dev_memory(device, &free, &total);
    if (total == 0) return ~std::uint64_t{0};  // it does not say
    sum += free > of_device ? free - of_device : 0;
  }
  return sum;
}

std::string gib(std::uint64_t bytes) {
  const std::uint64_t tenths = (bytes * 10 + (1U << 29)) >> 30;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// Layers that fit, the output as the last of them.
int layers_that_fit(const DeviceNeeds& needs, int n_layers, std::uint64_t n_free) {
  int n = 0;
  if (n_free < needs.of_output) return 0;
  n_free -= needs.of_output;
  while (n <= n_layers && n_free >= needs.of_layer * static_cast<std::uint64_t>(n > 0)) {
    n_free -= n > 0 ? needs.of_layer : 0;
    ++n;
  }
  return n;
}

std::string arithmetic_of(const std::vector<ggml_backend_dev_t>& devices, int n_gpu_layers, int n_layers) {
  std::string backend = backend_of(devices.back());
  std::ranges::transform(backend, backend.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string which = n_gpu_layers > n_layers ? "" : std::to_string(n_gpu_layers) + " layers ";
  return which + backend + " (f16 attention)";
}

}  // namespace

std::vector<GpuDevice> gpu_devices() {
  start_llama();
  std::vector<GpuDevice> devices;
  for (const ggml_backend_dev_t device : all_gpus()) {
    GpuDevice& gpu = devices.emplace_back();
    gpu.name = ggml_backend_dev_name(device);
    gpu.description = ggml_backend_dev_description(device);
    gpu.backend = backend_of(device);
    ggml_backend_dev_memory(device, &gpu.free_bytes, &gpu.total_bytes);
  }
  return devices;
}

std::vector<std::string> gpu_backends() {
  start_llama();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < ggml_backend_reg_count(); ++i) {
    const std::string name = ggml_backend_reg_name(ggml_backend_reg_get(i));
    if (name != "CPU" && name != "RPC" && name != "sinkscope") names.push_back(name);
  }
  return names;
}

DeviceNeeds device_needs(const ModelFile& file, int n_tokens, int n_ubatch) {
  const ModelShape shape = file.shape();
  const auto of = [](std::int64_t n) { return static_cast<std::uint64_t>(std::max<std::int64_t>(n, 0)); };
  const std::uint64_t tokens = of(n_tokens), rows = of(n_ubatch);
  constexpr std::uint64_t kHalf = 2, kFloat = 4;
  DeviceNeeds needs;
  const std::uint64_t n_layers = std::max<std::uint64_t>(1, of(shape.n_layers));
  const std::uint64_t of_blocks = file.n_weight_bytes() - std::min(file.n_weight_bytes(), shape.n_vocabulary_bytes);
  needs.of_layer = of_blocks / n_layers + tokens * of(shape.kv_width) * 2 * kHalf;
  needs.of_output = shape.n_vocabulary_bytes;
  const std::uint64_t graph = rows * (of(shape.n_vocab) + 8 * of(shape.d_model) + 3 * of(shape.d_ff)) * kFloat;
  const std::uint64_t states = rows * of(shape.d_model) * kFloat * 3;
  const std::uint64_t sums = of(shape.n_heads) * tokens * 2 * kFloat * 3 / 2;
  needs.of_device = graph + states + sums + 2 * gpu::ColumnWork::kScoreBytes + tokens * rows * kHalf * 2;
  return needs;
}

Placement place_layers(const ModelFile& file, const DeviceOptions& options,
                       const std::vector<ggml_backend_dev_t>& servers, int n_gpu_layers, int n_tokens, int n_ubatch) {
  Placement placement;
  placement.n_layers = static_cast<int>(file.shape().n_layers);
  const std::vector<ggml_backend_dev_t> gpus = chosen_gpus(options);
  if (gpus.empty() && servers.empty()) {
    if (n_gpu_layers > 0) {
      throw Error(ErrorCode::kUsage, "-ngl " + std::to_string(n_gpu_layers) +
                                         ": expected a GPU, but this build has none and no --rpc server brings one; "
                                         "leave -ngl out, or build one with ./dev build --gpu auto");
    }
    return placement;
  }
  const int all = placement.n_layers + 1;
  placement.n_gpu_layers = n_gpu_layers < 0 ? all : std::min(n_gpu_layers, all);
  if (!gpus.empty() && servers.empty()) {
    const DeviceNeeds needs = device_needs(file, n_tokens, n_ubatch);
    const std::uint64_t n_free = free_memory(gpus, needs.of_device);
    const int fit = layers_that_fit(needs, placement.n_layers, n_free);
    if (n_gpu_layers > 0 && placement.n_gpu_layers > fit) {
      throw Error(ErrorCode::kModel, "-ngl " + std::to_string(n_gpu_layers) + ": expected so many layers to fit on " +
                                         names_of(gpus) + ", got " + gib(n_free) + " free for layers of " +
                                         gib(needs.of_layer) + " each and an output of " + gib(needs.of_output) +
                                         ", which is " + std::to_string(fit) + " of " + std::to_string(all) +
                                         "; give -ngl " + std::to_string(fit) + " or leave it out");
    }
    placement.n_gpu_layers = std::min(placement.n_gpu_layers, fit);
  }
  if (placement.n_gpu_layers == 0) return placement;
  placement.devices = servers;
  for (const ggml_backend_dev_t gpu : gpus) placement.devices.push_back(gpu::proxy_of(gpu));
  placement.arithmetic = arithmetic_of(placement.devices, placement.n_gpu_layers, placement.n_layers);
  return placement;
}

}  // namespace sinkscope
