#pragma once

#include <ggml-backend.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/rpc/dial.h"

namespace sinkscope {

namespace rpc {
class Relay;
}

// llama.cpp's RPC servers, for the one model that names them: other models do not see them.
class RpcServers {
 public:
  // servers  "host:port"
  // throws   Error{kModel} for a server that does not answer; Error{kInterrupted} if should_stop says so
  RpcServers(std::span<const std::string> servers, const rpc::Patience& patience);

  // Valid until the process ends.
  const std::vector<ggml_backend_dev_t>& devices() const { return devices_; }
  bool is_lost() const;

  // Does what may compute on them.
  //
  // throws  why a server was lost, before or meanwhile, whatever the work came to: its figures are made up then
  template <typename Work>
  void with(const Work& work) const {
    try {
      work();
    } catch (...) {
      throw_if_lost();
      throw;
    }
    throw_if_lost();
  }

 private:
  void throw_if_lost() const;

  std::vector<std::shared_ptr<rpc::Relay>> relays_;
  std::vector<ggml_backend_dev_t> devices_;
};

}  // namespace sinkscope
