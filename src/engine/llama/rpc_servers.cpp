#include "engine/llama/rpc_servers.h"

#include <ggml-rpc.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "engine/rpc/relay.h"

namespace sinkscope {
namespace {

// llama.cpp keeps a server and its devices until the process ends, by address: so is its relay kept, until it has lost
// the server. The next model then gets a new one.
std::shared_ptr<rpc::Relay> relay_to(const std::string& server, const rpc::Patience& patience) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<rpc::Relay>> relays;
  const std::lock_guard lock(mutex);
  std::shared_ptr<rpc::Relay>& relay = relays[server];
  if (relay && !relay->lost()) {
    relay->be(patience);
  } else {
    relay = rpc::Relay::start(server, patience);
  }
  return relay;
}

}  // namespace

RpcServers::RpcServers(std::span<const std::string> servers, const rpc::Patience& patience) {
  for (const std::string& server : servers) {
    const std::shared_ptr<rpc::Relay>& relay = relays_.emplace_back(relay_to(server, patience));
    ggml_backend_reg_t reg = ggml_backend_rpc_add_server(relay->endpoint().c_str());
    throw_if_lost();
    for (std::size_t i = 0; i < ggml_backend_reg_dev_count(reg); ++i) {
      devices_.push_back(ggml_backend_reg_dev_get(reg, i));
    }
  }
}

bool RpcServers::is_lost() const {
  return std::ranges::any_of(relays_, [](const auto& relay) { return relay->lost().has_value(); });
}

void RpcServers::throw_if_lost() const {
  for (const auto& relay : relays_) {
    if (const auto reason = relay->lost()) throw Error(*reason);
  }
}

}  // namespace sinkscope
