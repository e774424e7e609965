#pragma once

#include <span>
#include <string>

namespace sinkscope {

// Makes the devices of llama.cpp's RPC servers known to it.
//
// servers  "host:port"
// throws   Error{kModel} for a server that does not answer: llama.cpp itself would end the process
void add_rpc_servers(std::span<const std::string> servers);

}  // namespace sinkscope
