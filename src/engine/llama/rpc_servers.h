#pragma once

#include <ggml-backend.h>

#include <span>
#include <string>
#include <vector>

namespace sinkscope {

// The devices of llama.cpp's RPC servers, for the one model that names them: other models do not see them.
//
// servers  "host:port"
// returns  valid until the process ends
// throws   Error{kModel} for a server that does not answer: llama.cpp itself would end the process
std::vector<ggml_backend_dev_t> rpc_devices(std::span<const std::string> servers);

}  // namespace sinkscope
