#include "engine/llama/gpu_layers.h"

#include <ggml-backend.h>

#include <string>

#include "base/error.h"

namespace sinkscope {

void check_gpu_layers(int n_gpu_layers, bool has_servers) {
  if (n_gpu_layers <= 0 || has_servers) return;
  for (const auto type : {GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU}) {
    if (ggml_backend_dev_by_type(type) != nullptr) return;
  }
  throw Error(ErrorCode::kUsage, "-ngl " + std::to_string(n_gpu_layers) +
                                     ": expected a GPU, but this build has none and no --rpc server brings one; leave "
                                     "-ngl out, or build with llama.cpp's backend for your GPU");
}

}  // namespace sinkscope
