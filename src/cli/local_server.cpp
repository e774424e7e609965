#include "cli/local_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr int kPollMs = 200;
constexpr int kPatienceSeconds = 2;  // with a client that does not go on
constexpr std::size_t kMostRequestBytes = 16384;
constexpr int kWaiting = 16;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void fail(const char* what, int port) {
  throw Error(ErrorCode::kOutput,
              fmt::format("port {}: {} failed, {}; try another --port", port, what, std::strerror(errno)));
}

void listen_at(const Socket& server, int port) {
  if (server.get() < 0) fail("socket", port);
  const int yes = 1;
  setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fail("bind", port);
  if (listen(server.get(), kWaiting) != 0) fail("listen", port);
}

int port_of(const Socket& server) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname", 0);
  return ntohs(address.sin_port);
}

// The head of a request, or as much of it as came in time.
std::string request_head(const Socket& client) {
  std::string head;
  std::array<char, 2048> piece{};
  while (head.size() < kMostRequestBytes && head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = recv(client.get(), piece.data(), piece.size(), 0);
    if (n <= 0) break;
    head.append(piece.data(), static_cast<std::size_t>(n));
  }
  return head;
}

std::string host_of(const std::string& head) {
  std::string lower = head;
  std::ranges::transform(lower, lower.begin(), [](char c) { return std::tolower(static_cast<unsigned char>(c)); });
  const std::size_t at = lower.find("\r\nhost:");
  if (at == std::string::npos) return {};
  std::string host = lower.substr(at + 7, lower.find("\r\n", at + 2) - at - 7);
  std::erase(host, ' ');
  return host;
}

void send_all(const Socket& client, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // the client went away
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void answer(const Socket& client, std::string_view page, int port) {
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const std::string head = request_head(client), host = host_of(head);
  const bool gets = head.starts_with("GET / ");
  const bool asks = head.starts_with("HEAD / ");
  const bool is_ours = host == fmt::format("127.0.0.1:{}", port) || host == fmt::format("localhost:{}", port);
  if (!is_ours || (!gets && !asks)) {
    send_all(client, fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                                 is_ours ? "404 Not Found" : "403 Forbidden"));
    return;
  }
  send_all(client, fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n"
                               "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
                               "Connection: close\r\n\r\n",
                               page.size()));
  if (gets) send_all(client, page);
}

}  // namespace

void serve_page(std::string_view page, int port, const std::function<void(const std::string& address)>& ready,
                const std::function<bool()>& stop) {
  const Socket server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  listen_at(server, port);
  const int own_port = port_of(server);
  ready(fmt::format("http://127.0.0.1:{}/", own_port));
  while (!stop()) {
    pollfd waiting{server.get(), POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    const Socket client(accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() >= 0) answer(client, page, own_port);
  }
}

}  // namespace sinkscope
