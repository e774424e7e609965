#include "engine/llama/rpc_servers.h"

#include <ggml-rpc.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

namespace sinkscope {
namespace {

bool answers(const std::string& server) {
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) return false;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(server.substr(0, colon).c_str(), server.substr(colon + 1).c_str(), &hints, &found) != 0) return false;
  bool connected = false;
  for (const addrinfo* address = found; address && !connected; address = address->ai_next) {
    const int descriptor = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (descriptor < 0) continue;
    connected = connect(descriptor, address->ai_addr, address->ai_addrlen) == 0;
    close(descriptor);
  }
  freeaddrinfo(found);
  return connected;
}

}  // namespace

std::vector<ggml_backend_dev_t> rpc_devices(std::span<const std::string> servers) {
  std::vector<ggml_backend_dev_t> devices;
  for (const std::string& server : servers) {
    ggml_backend_reg_t reg = answers(server) ? ggml_backend_rpc_add_server(server.c_str()) : nullptr;
    if (!reg || ggml_backend_reg_dev_count(reg) == 0) {
      throw Error(ErrorCode::kModel, "--rpc " + server +
                                         ": expected a running llama.cpp RPC server at host:port, got no answer; "
                                         "start rpc-server there");
    }
    for (std::size_t i = 0; i < ggml_backend_reg_dev_count(reg); ++i) {
      devices.push_back(ggml_backend_reg_dev_get(reg, i));
    }
  }
  return devices;
}

}  // namespace sinkscope
