#include "engine/rpc/dial.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <thread>

#include "base/error.h"

namespace sinkscope::rpc {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kStep(50);

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

[[noreturn]] void fail(const std::string& server, const std::string& got) {
  throw Error(ErrorCode::kModel, fmt::format("--rpc {}: expected a running llama.cpp RPC server at host:port, got {}; "
                                             "start rpc-server there",
                                             server, got));
}

// Waits as long as it may for is_done(step), which itself waits for a step.
template <typename IsDone>
void wait(const std::string& server, const Patience& patience, Clock::time_point deadline, const IsDone& is_done) {
  while (!is_done(kStep)) {
    if (patience.should_stop && patience.should_stop()) {
      throw Error(ErrorCode::kInterrupted, fmt::format("stopped while --rpc {} was being connected to", server));
    }
    if (Clock::now() >= deadline) fail(server, fmt::format("no connection in {}", shown(patience.limit)));
  }
}

// The system looks names up in its own time: a thread waits for it, which is left behind where we no longer do.
Addresses look_up(const std::string& server, const Patience& patience, Clock::time_point deadline) {
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) fail(server, "an address without a port");
  std::string host = server.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  struct Found {
    int code = 0;
    Addresses addresses;
  };
  std::promise<Found> promise;
  std::future<Found> future = promise.get_future();
  std::thread([host, port = server.substr(colon + 1), promise = std::move(promise)]() mutable {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
    promise.set_value({code, Addresses(code == 0 ? list : nullptr)});
  }).detach();
  wait(server, patience, deadline, [&](auto step) { return future.wait_for(step) == std::future_status::ready; });
  Found found = future.get();
  if (found.code != 0) fail(server, gai_strerror(found.code));
  return std::move(found.addresses);
}

// returns  0, or why not, as errno
int connect_to(const std::string& server, const addrinfo& address, Descriptor& socket, const Patience& patience,
               Clock::time_point deadline) {
  if (connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  pollfd waiting{socket.get(), POLLOUT, 0};
  wait(server, patience, deadline,
       [&](auto step) { return poll(&waiting, 1, static_cast<int>(step.count())) > 0; });
  int reason = 0;
  socklen_t size = sizeof reason;
  return getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &reason, &size) == 0 ? reason : errno;
}

}  // namespace

std::string shown(std::chrono::milliseconds limit) {
  return fmt::format("{} s", static_cast<double>(limit.count()) / 1000);
}

Descriptor dial(const std::string& server, const Patience& patience) {
  const Clock::time_point deadline = Clock::now() + patience.limit;
  const Addresses addresses = look_up(server, patience, deadline);
  int reason = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    Descriptor connection(
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol));
    if (!connection.is_open()) {
      reason = errno;
      continue;
    }
    reason = connect_to(server, *address, connection, patience, deadline);
    if (reason != 0) continue;
    const int yes = 1;
    setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return connection;
  }
  fail(server, fmt::format("\"{}\"", std::strerror(reason)));
}

}  // namespace sinkscope::rpc
