#include "engine/rpc/relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/rpc/wire.h"
#include "tests/engine/rpc/number.h"

namespace sinkscope::rpc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

sockaddr_in here(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void send_all(const Descriptor& end, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(end.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// n bytes, or fewer if the other end closes.
std::string read_bytes(const Descriptor& end, std::size_t n) {
  std::string bytes(n, '\0');
  std::size_t got = 0;
  while (got < n) {
    const ssize_t more = recv(end.get(), bytes.data() + got, n - got, 0);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

// A server of our own on this machine that serves one connection as it is told, and then is silent.
class Peer {
 public:
  using Serve = std::function<void(const Descriptor&)>;
  explicit Peer(Serve serve, int n_waiting = 4) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = here(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_.get(), n_waiting), 0);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!serve) return;
    thread_ = std::thread([this, serve = std::move(serve)] {
      const Descriptor client(accept(listener_.get(), nullptr, nullptr));
      serve(client);
    });
  }
  ~Peer() {
    shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  Descriptor listener_;
  int port_ = 0;
  std::thread thread_;
};

void read_to_the_end(const Descriptor& client) {
  while (!read_bytes(client, 1).empty()) {
  }
}

// What llama.cpp is to a relay.
class Client {
 public:
  explicit Client(const Relay& relay) : end_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = here(std::stoi(relay.endpoint().substr(relay.endpoint().find(':') + 1)));
    EXPECT_EQ(connect(end_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void tell(Command command, const std::string& body) const {
    send_all(end_, static_cast<char>(command) + number(body.size()) + body);
  }
  // returns  the answer without its size
  std::string ask(Command command, const std::string& body) const {
    tell(command, body);
    std::uint64_t n = 0;
    const std::string size = read_bytes(end_, sizeof n);
    EXPECT_EQ(size.size(), sizeof n);
    std::memcpy(&n, size.data(), size.size());
    const std::string answer = read_bytes(end_, n);
    EXPECT_EQ(answer.size(), n);
    return answer;
  }
  std::string hello() const { return ask(Command::kHello, std::string(24, '\0')); }
  std::string get_tensor(std::uint64_t n) const { return ask(Command::kGetTensor, std::string(300, 'x') + number(n)); }
  const Descriptor& end() const { return end_; }

 private:
  Descriptor end_;
};

constexpr std::size_t kHello = 9 + 24, kGetTensor = 9 + 308;

void answer_hello(const Descriptor& client) {
  read_bytes(client, kHello);
  send_all(client, number(28) + '\7' + std::string(27, '\0'));
}

milliseconds since(Clock::time_point begun) { return std::chrono::duration_cast<milliseconds>(Clock::now() - begun); }

// The server is lost for a reason that has this in it, and llama.cpp's requests are answered all the same.
void expect_lost(const std::shared_ptr<Relay>& relay, const Client& client, const std::string& reason) {
  ASSERT_TRUE(relay->lost());
  EXPECT_NE(std::string(relay->lost()->what()).find(reason), std::string::npos) << relay->lost()->what();
  EXPECT_NE(std::string(relay->lost()->what()).find("--rpc " + relay->server()), std::string::npos);
  EXPECT_EQ(client.ask(Command::kDeviceCount, ""), std::string(4, '\0'));
  client.tell(Command::kSetTensor, std::string(std::size_t{1} << 20, 't'));
  EXPECT_EQ(client.get_tensor(100000), std::string(100000, '\0'));
}

Patience within(int limit_ms) { return {milliseconds(limit_ms), {}}; }

TEST(Relay, PassesOnWhatIsSaid) {
  constexpr std::size_t kLarge = std::size_t{3} << 20;
  std::string tensor(kLarge, '\0');
  for (std::size_t i = 0; i < kLarge; ++i) tensor[i] = static_cast<char>(i * i >> 3);
  std::string set;
  const Peer peer([&](const Descriptor& client) {
    answer_hello(client);
    set = read_bytes(client, 9 + kLarge);
    read_bytes(client, kGetTensor);
    send_all(client, number(kLarge) + tensor);
    read_to_the_end(client);
  });
  const auto relay = Relay::start(peer.address(), within(20000));
  {
    const Client client(*relay);
    EXPECT_EQ(client.hello(), '\7' + std::string(27, '\0'));
    client.tell(Command::kSetTensor, tensor);
    EXPECT_EQ(client.get_tensor(kLarge), tensor);
  }
  EXPECT_EQ(set.substr(9), tensor);
  EXPECT_FALSE(relay->lost());
}

TEST(Relay, NothingAwaitedIsNoSilence) {
  const Peer peer([&](const Descriptor& client) {
    answer_hello(client);
    read_bytes(client, 9 + 100 + kGetTensor);
    send_all(client, number(4) + "abcd");
    read_to_the_end(client);
  });
  const auto relay = Relay::start(peer.address(), within(200));
  const Client client(*relay);
  client.hello();
  client.tell(Command::kGraphCompute, std::string(100, 'g'));  // has no answer
  std::this_thread::sleep_for(milliseconds(600));
  EXPECT_EQ(client.get_tensor(4), "abcd");
  EXPECT_FALSE(relay->lost());
}

TEST(Relay, AServerThatIsNotThere) {
  int port = 0;
  {
    const Peer gone(nullptr);
    port = gone.port();
  }
  for (const auto& [server, reason] : std::initializer_list<std::pair<std::string, std::string>>{
           {"127.0.0.1:" + std::to_string(port), "Connection refused"},
           {"127.0.0.1", "without a port"},
           {"[::1]:" + std::to_string(port), "\""},
           {"127.0.0.1:no", "got "}}) {
    const auto relay = Relay::start(server, within(5000));
    const Client client(*relay);
    client.hello();
    expect_lost(relay, client, reason);
    EXPECT_EQ(relay->lost()->code(), ErrorCode::kModel);
  }
}

TEST(Relay, AServerThatNeverAcceptsIsWaitedForAsLongAsToldTo) {
  const Peer peer(nullptr, 0);
  // The system takes a connection or two for a program that does not; then no more.
  std::vector<Descriptor> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address = here(peer.port());
    (void)connect(others.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const auto relay = Relay::start(peer.address(), within(1000));
  const Client client(*relay);
  const auto begun = Clock::now();
  client.hello();
  EXPECT_GE(since(begun), milliseconds(950));
  EXPECT_LT(since(begun), milliseconds(5000));
  expect_lost(relay, client, "no connection in 1 s");
}

// Peers that fail at an answer, each in a way of its own.
struct Fault {
  const char* name;
  Peer::Serve serve;
  std::string reason;
  bool is_silent;  // so it takes the limit
};

TEST(Relay, AServerThatFailsIsLost) {
  const auto after_hello = [](auto fault) {
    return [fault](const Descriptor& client) {
      answer_hello(client);
      read_bytes(client, kGetTensor);
      fault(client);
    };
  };
  const std::vector<Fault> faults = {
      {"says nothing", read_to_the_end, "none in 0.5 s; it serves one program at a time", true},
      {"half an answer",
       [](const Descriptor& client) {
         read_bytes(client, kHello);
         send_all(client, number(28) + "\7");
         read_to_the_end(client);
       },
       "none in 0.5 s", true},
      {"byte by byte",
       [](const Descriptor& client) {
         read_bytes(client, kHello);
         for (const char byte : number(28) + '\7' + std::string(27, '\0')) {
           send_all(client, std::string(1, byte));
           std::this_thread::sleep_for(milliseconds(100));
         }
       },
       "none in 0.5 s", true},
      {"closes", [](const Descriptor& client) { read_bytes(client, kHello); }, "closed connection", false},
      {"closes in an answer",
       [](const Descriptor& client) {
         read_bytes(client, kHello);
         send_all(client, number(28) + "\7");
       },
       "closed connection", false},
      {"no server of llama.cpp's",
       [](const Descriptor& client) { send_all(client, "HTTP/1.1 400 Bad Request\r\n\r\n"); }, "", false},
      {"another protocol",
       [](const Descriptor& client) {
         read_bytes(client, kHello);
         send_all(client, number(28) + '\3' + std::string(27, '\0'));
         read_to_the_end(client);
       },
       "protocol 3.0", false},
      {"a tensor of another size",
       after_hello([](const Descriptor& client) { send_all(client, number(std::uint64_t{1} << 60) + "abc"); }),
       "in place of 50000", false},
      {"half a tensor", after_hello([](const Descriptor& client) {
         send_all(client, number(50000) + std::string(20000, 't'));
         read_to_the_end(client);
       }),
       "none in 0.5 s; raise --rpc-timeout", true},
      {"more than was asked for", after_hello([](const Descriptor& client) {
         send_all(client, number(50000) + std::string(50000, 't') + "more");
         read_to_the_end(client);
       }),
       "answer nothing", false},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Peer peer(fault.serve);
    const auto relay = Relay::start(peer.address(), within(500));
    const Client client(*relay);
    const auto begun = Clock::now();
    client.hello();
    EXPECT_EQ(client.get_tensor(50000).size(), 50000U);
    client.ask(Command::kDeviceCount, "");
    EXPECT_LT(since(begun), milliseconds(fault.is_silent ? 3000 : 450));
    EXPECT_GE(since(begun), milliseconds(fault.is_silent ? 480 : 0));
    expect_lost(relay, client, fault.reason);
    EXPECT_EQ(relay->lost()->code(), ErrorCode::kModel);
  }
}

TEST(Relay, WhoeverStopsWaitsNoLonger) {
  std::atomic<bool> stopped = false;
  const Peer peer(read_to_the_end);
  const auto relay = Relay::start(peer.address(), {milliseconds(60000), [&] { return stopped.load(); }});
  const Client client(*relay);
  std::thread stops([&] {
    std::this_thread::sleep_for(milliseconds(300));
    stopped = true;
  });
  const auto begun = Clock::now();
  client.hello();
  EXPECT_GE(since(begun), milliseconds(250));
  EXPECT_LT(since(begun), milliseconds(1300));
  stops.join();
  expect_lost(relay, client, "stopped while");
  EXPECT_EQ(relay->lost()->code(), ErrorCode::kInterrupted);
}

TEST(Relay, AStrangerThatIsSilentTakesNoTime) {
  const Peer peer([](const Descriptor& first) {
    answer_hello(first);
    read_to_the_end(first);
  });
  const auto relay = Relay::start(peer.address(), within(10000));
  const Client client(*relay), stranger(*relay);
  client.hello();
  EXPECT_FALSE(relay->lost());
}

}  // namespace
}  // namespace sinkscope::rpc
