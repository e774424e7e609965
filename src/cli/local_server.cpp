#include "cli/local_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "base/descriptor.h"
#include "base/encodings.h"
#include "base/error.h"

namespace sinkscope {
namespace {

constexpr int kPollMs = 200;
constexpr std::size_t kMostRequestBytes = 16384;
constexpr std::size_t kMostClients = 64;
constexpr int kWaiting = 16;

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what, int port) {
  throw Error(ErrorCode::kOutput,
              fmt::format("port {}: {} failed, {}; try another --port", port, what, std::strerror(errno)));
}

void listen_at(const Descriptor& server, int port) {
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

int port_of(const Descriptor& server) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname", 0);
  return ntohs(address.sin_port);
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

// What a request is answered with, head and body.
struct Answer {
  std::string head;
  std::string_view body;
};

Answer refusal(std::string_view status) {
  return {fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status), {}};
}

Answer answer_to(const std::string& request, std::string_view page, int port, const std::string& path) {
  const std::string host = host_of(request);
  const bool is_ours = host == fmt::format("127.0.0.1:{}", port) || host == fmt::format("localhost:{}", port);
  if (!is_ours) return refusal("403 Forbidden");
  const bool gets = request.starts_with("GET " + path + " ");
  if (!gets && !request.starts_with("HEAD " + path + " ")) return refusal("404 Not Found");
  return {fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n"
                      "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                      "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nConnection: close\r\n\r\n",
                      page.size()),
          gets ? page : std::string_view()};
}

// One client from its first byte to our last. It never waits for it.
class Client {
 public:
  explicit Client(int descriptor, Clock::time_point deadline) : socket_(descriptor), deadline_(deadline) {}

  int descriptor() const { return socket_.get(); }
  short awaited() const { return answer_ ? POLLOUT : POLLIN; }
  bool is_late() const { return Clock::now() >= deadline_; }

  // Goes on as far as the client lets it. answer_to(request) says what it is sent.
  //
  // returns  whether there is more to do
  template <typename AnswerTo>
  bool go_on(const AnswerTo& answer_to) {
    if (!answer_) {
      std::array<char, 2048> piece{};
      const ssize_t n = recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
      request_.append(piece.data(), static_cast<std::size_t>(n));
      const bool whole = request_.find("\r\n\r\n") != std::string::npos;
      if (!whole && n > 0 && request_.size() < kMostRequestBytes) return true;
      answer_ = answer_to(request_);
    }
    return send_some(answer_->head, 0) && send_some(answer_->body, answer_->head.size()) &&
           sent_ < answer_->head.size() + answer_->body.size();
  }

 private:
  // returns  whether the client is still there
  bool send_some(std::string_view bytes, std::size_t before) {
    while (sent_ >= before && sent_ - before < bytes.size()) {
      const std::string_view rest = bytes.substr(sent_ - before);
      const ssize_t n = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
      sent_ += static_cast<std::size_t>(n);
    }
    return true;
  }

  Descriptor socket_;
  Clock::time_point deadline_;
  std::string request_;
  std::optional<Answer> answer_;
  std::size_t sent_ = 0;
};

// A name that no other program of this machine can guess.
std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorCode::kOutput, "open: no random numbers are to be had from the system");
  }
  return hex_string(std::as_bytes(std::span(bytes)));
}

}  // namespace

void serve_page(std::string_view page, int port, const std::function<void(const std::string& address)>& ready,
                const std::function<bool()>& stop, std::chrono::milliseconds patience) {
  const Descriptor server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  listen_at(server, port);
  const int own_port = port_of(server);
  const std::string path = fmt::format("/{}/", random_token());
  ready(fmt::format("http://127.0.0.1:{}{}", own_port, path));
  std::list<Client> clients;
  while (!stop()) {
    std::vector<pollfd> waiting = {{server.get(), static_cast<short>(clients.size() < kMostClients ? POLLIN : 0), 0}};
    for (const Client& client : clients) waiting.push_back({client.descriptor(), client.awaited(), 0});
    if (poll(waiting.data(), waiting.size(), kPollMs) < 0) continue;
    std::size_t i = 1;
    for (auto client = clients.begin(); client != clients.end(); ++i) {
      const bool more = waiting[i].revents == 0 || client->go_on([&](const std::string& request) {
        return answer_to(request, page, own_port, path);
      });
      client = more && !client->is_late() ? std::next(client) : clients.erase(client);
    }
    if ((waiting[0].revents & POLLIN) == 0) continue;
    const int descriptor = accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor >= 0) clients.emplace_back(descriptor, Clock::now() + patience);
  }
}

}  // namespace sinkscope
