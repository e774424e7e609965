#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/descriptor.h"

namespace sinkscope::rpc {

// How long another machine is waited for.
struct Patience {
  std::chrono::milliseconds limit = std::chrono::seconds(30);
  std::function<bool()> should_stop;  // asked twenty times a second while it is waited for; from any thread; may be empty
};

// "30 s", "0.5 s"
std::string shown(std::chrono::milliseconds limit);

// Connects to a server.
//
// server   "host:port", "[::1]:port"
// returns  a socket that never blocks
// throws   Error{kModel} with the reason if there is no connection within the limit, looking up the name included;
//          Error{kInterrupted} if should_stop says so
Descriptor dial(const std::string& server, const Patience& patience);

}  // namespace sinkscope::rpc
