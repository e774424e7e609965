#include "engine/rpc/relay.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "engine/rpc/passage.h"

namespace sinkscope::rpc {
namespace {

constexpr int kWaiting = 4;
constexpr int kListenStep_ms = 200;

[[noreturn]] void fail(const std::string& server) {
  throw Error(ErrorCode::kModel, fmt::format("--rpc {}: expected a socket of this machine, got \"{}\"; close other "
                                             "programs",
                                             server, std::strerror(errno)));
}

Descriptor listen_here(const std::string& server, int& port) {
  Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const place = reinterpret_cast<sockaddr*>(&address);
  if (!listener.is_open() || bind(listener.get(), place, size) != 0 || listen(listener.get(), kWaiting) != 0 ||
      getsockname(listener.get(), place, &size) != 0) {
    fail(server);
  }
  port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

std::shared_ptr<Relay> Relay::start(const std::string& server, Patience patience) {
  const std::shared_ptr<Relay> relay(new Relay(server));
  relay->be(std::move(patience));
  int port = 0;
  Descriptor listener = listen_here(server, port);
  relay->endpoint_ = fmt::format("127.0.0.1:{}", port);
  std::thread([relay, listener = std::move(listener)] { listen_for(relay, listener); }).detach();
  return relay;
}

// Each connection has a thread: a stranger on this machine that connects and is silent takes none of the others' time.
void Relay::listen_for(const std::shared_ptr<Relay>& relay, const Descriptor& listener) {
  while (!relay->lost()) {
    pollfd waiting{listener.get(), POLLIN, 0};
    if (poll(&waiting, 1, kListenStep_ms) <= 0) continue;
    Descriptor client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.is_open()) continue;
    const int yes = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    std::thread([relay, client = std::move(client)]() mutable { Passage(*relay, std::move(client)).serve(); }).detach();
  }
}

void Relay::be(Patience patience) {
  const std::lock_guard lock(mutex_);
  patience_ = std::move(patience);
}

Patience Relay::patience() const {
  const std::lock_guard lock(mutex_);
  return patience_;
}

std::optional<Error> Relay::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Relay::lose(const Error& reason) {
  const std::lock_guard lock(mutex_);
  if (!lost_) lost_ = reason;
}

}  // namespace sinkscope::rpc
