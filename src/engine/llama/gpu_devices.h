#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct ggml_backend_device;

namespace sinkscope {

class ModelFile;

// A GPU that this build and this machine have.
struct GpuDevice {
  std::string name;         // "CUDA0"
  std::string description;  // "NVIDIA H100 80GB HBM3"
  std::string backend;      // "CUDA"
  std::size_t free_bytes = 0, total_bytes = 0;
};

std::vector<GpuDevice> gpu_devices();
// "CUDA", "Vulkan", ...: the backends for GPUs that this build has, with or without a GPU.
std::vector<std::string> gpu_backends();

// Where layers may lie, by llama.cpp's names.
struct DeviceOptions {
  std::vector<std::string> names;  // -dev: these, in this order; empty: all GPUs; "none": none
  bool split_layers = true;        // --split-mode layer: over all of them; none: the main one has all
  int main_gpu = 0;                // --main-gpu: which that is
};

// The devices that a model's layers are spread over, and how many layers.
struct Placement {
  std::vector<ggml_backend_device*> devices;  // empty: all on the processor
  int n_gpu_layers = 0;                       // as llama.cpp counts: the output is one more
  int n_layers = 0;
  std::string arithmetic;  // of the devices' part, as results name it; empty without one
};

// Chooses devices, each behind a proxy, and how many layers fit.
//
// servers       devices of RPC servers, which come first and have no proxy; their memory is not looked at
// n_gpu_layers  as asked for; negative: all that fit
// n_tokens      that the cache is to hold
// throws        Error{kUsage} for a device that there is not, or layers on a GPU where there is none; Error{kModel} if
//               the layers that were asked for do not fit
Placement place_layers(const ModelFile& file, const DeviceOptions& options,
                       const std::vector<ggml_backend_device*>& servers, int n_gpu_layers, int n_tokens, int n_ubatch);

// What a model needs on devices, in bytes: weights and cache of the layers, what computing takes, and measuring.
struct DeviceNeeds {
  std::uint64_t of_layer = 0;   // weights and cache
  std::uint64_t of_output = 0;  // the vocabulary's matrix: what is left of the weights
  std::uint64_t of_device = 0;  // of each device that takes part: buffers of the graph and of our own work
};
DeviceNeeds device_needs(const ModelFile& file, int n_tokens, int n_ubatch);

}  // namespace sinkscope
