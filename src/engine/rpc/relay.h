#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "engine/rpc/dial.h"

namespace sinkscope::rpc {

// Stands between llama.cpp and one of its RPC servers, in this process, on threads of its own.
//
// llama.cpp's client waits for a server without a limit, and ends the process when it is lost. Its sockets are out of
// reach, and what it waits for is known to nobody else; so it is given an address on this machine, and all it says is
// passed on from there. A server that cannot be reached, is silent while an answer is awaited, closes, or answers what
// is no answer, is lost: its reason is kept, and llama.cpp gets answers in its place, with which it ends what it
// began. Whoever called it then asks lost() before he uses what came of it.
//
// Silence is a time in which neither an answer ended nor 64 KiB of one came, nor what was to be sent went, while
// something was awaited. The network's own work on the server is silence too: its answer comes after it.
class Relay {
 public:
  // Begins to listen. The server is connected to when llama.cpp first asks something.
  //
  // throws  Error{kModel} if this machine has no socket left
  static std::shared_ptr<Relay> start(const std::string& server, Patience patience);

  // For all that is awaited from now on.
  void be(Patience patience);
  Patience patience() const;

  const std::string& server() const { return server_; }
  // "127.0.0.1:PORT", for llama.cpp
  const std::string& endpoint() const { return endpoint_; }

  // The first reason why the server was lost: Error{kModel}, or Error{kInterrupted} if should_stop said so. Once lost,
  // a relay stays so; it takes no further connections.
  std::optional<Error> lost() const;
  void lose(const Error& reason);

 private:
  explicit Relay(std::string server) : server_(std::move(server)) {}
  static void listen_for(const std::shared_ptr<Relay>& relay, const Descriptor& listener);

  std::string server_, endpoint_;
  mutable std::mutex mutex_;
  Patience patience_;
  std::optional<Error> lost_;
};

}  // namespace sinkscope::rpc
