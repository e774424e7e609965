#include "engine/rpc/passage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/error.h"
#include "engine/rpc/relay.h"

namespace sinkscope::rpc {
namespace {

constexpr int kStep_ms = 50;
constexpr std::size_t kProgressBytes = std::size_t{64} << 10;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

bool Passage::Outgoing::send_to(const Descriptor& end) {
  while (!empty()) {
    const ssize_t n = send(end.get(), bytes_.data() + sent_, bytes_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) return would_block();
    sent_ += static_cast<std::size_t>(n);
  }
  clear();
  return true;
}

void Passage::lose(const std::string& got, const std::string& to_try) const {
  throw Error(ErrorCode::kModel, fmt::format("--rpc {}: expected the answers of a llama.cpp RPC server, got {}; {}",
                                             relay_.server(), got, to_try));
}

void Passage::serve() {
  try {
    // Not before something is said: a server serves one connection at a time, and not a silent one of a stranger.
    pollfd waiting{client_.get(), POLLIN, 0};
    while (poll(&waiting, 1, -1) < 0 && errno == EINTR) {
    }
    server_ = dial(relay_.server(), relay_.patience());
    made_progress();
    while (pass_on()) {
    }
  } catch (const Error& reason) {
    relay_.lose(reason);
    server_.reset();
    stand_in();
  }
}

// returns  whether llama.cpp is still there
bool Passage::pass_on() {
  // What llama.cpp does not take yet, or the server, is not read either.
  const bool reads_client = to_server_.empty(), reads_server = to_client_.empty();
  std::array<pollfd, 2> ends = {{{client_.get(), static_cast<short>(reads_client ? POLLIN : 0), 0},
                                 {server_.get(), static_cast<short>(reads_server ? POLLIN : 0), 0}}};
  if (!reads_server) ends[0].events |= POLLOUT;
  if (!reads_client) ends[1].events |= POLLOUT;
  if (poll(ends.data(), ends.size(), is_waiting() ? kStep_ms : -1) < 0 && errno != EINTR) return false;
  if (!reads_client && (ends[0].revents & (POLLHUP | POLLERR)) != 0) return false;
  if ((ends[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !take_request()) return false;
  const bool was_sending = !to_server_.empty();
  if (!to_server_.send_to(server_)) lose(fmt::format("\"{}\"", std::strerror(errno)), "see what it printed last");
  if (was_sending && to_server_.empty()) made_progress();
  if (reads_server && (ends[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take_answers();
  if (!to_client_.send_to(client_)) return false;
  check_silence();
  return true;
}

bool Passage::take_request() {
  const ssize_t n = recv(client_.get(), buffer_.data(), buffer_.size(), 0);
  if (n < 0) return would_block();
  if (n == 0) return false;
  if (!is_waiting()) made_progress();
  const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
  requests_.read(bytes, awaited_);
  to_server_.add(bytes);
  return true;
}

void Passage::take_answers() {
  const ssize_t n = recv(server_.get(), buffer_.data(), buffer_.size(), 0);
  if (n < 0 && would_block()) return;
  if (n < 0) lose(fmt::format("\"{}\"", std::strerror(errno)), "see what it printed last");
  if (n == 0) lose("a closed connection", "see what it printed last");
  std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
  while (!bytes.empty()) take_answer(bytes);
}

// An answer is passed on when it is whole and right, but tensors as they come: those may be large.
//
// bytes  becomes what comes after it
void Passage::take_answer(std::string_view& bytes) {
  if (awaited_.empty()) lose("bytes that answer nothing", "is another program's server there?");
  const Awaited& awaited = awaited_.front();
  const std::uint64_t left = awaited.whole() - passed_ - held_.size();
  // The size first: what follows is no answer if it is wrong.
  const std::uint64_t wanted = passed_ + held_.size() < kSizeBytes ? kSizeBytes - held_.size() : left;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), wanted));
  held_.append(bytes.substr(0, n));
  bytes.remove_prefix(n);
  came_ += n;
  const bool is_whole = n == left;
  if (passed_ == 0 && held_.size() >= kSizeBytes) {
    const std::string fault = fault_of(awaited, held_);
    if (!fault.empty()) lose(fault, "its version of llama.cpp must be this program's");
  }
  const bool passes = is_whole || (awaited.command == Command::kGetTensor && passed_ + held_.size() >= kSizeBytes);
  if (passes) {
    to_client_.add(held_);
    passed_ += held_.size();
    held_.clear();
  }
  if (is_whole || came_ >= kProgressBytes) {
    made_progress();
    came_ = 0;
  }
  if (!is_whole) return;
  has_answered_ = true;
  passed_ = 0;
  awaited_.pop_front();
}

void Passage::check_silence() {
  if (!is_waiting()) return;
  const Patience patience = relay_.patience();
  if (patience.should_stop && patience.should_stop()) {
    throw Error(ErrorCode::kInterrupted, fmt::format("stopped while --rpc {} was waited for", relay_.server()));
  }
  if (Clock::now() - progress_ < patience.limit) return;
  const std::string got = fmt::format("none in {}", shown(patience.limit));
  if (!has_answered_) lose(got, "it serves one program at a time: another may be connected");
  lose(got, "raise --rpc-timeout where a micro-batch may take it longer");
}

void Passage::stand_in() {
  fcntl(client_.get(), F_SETFL, fcntl(client_.get(), F_GETFL) & ~O_NONBLOCK);
  while (true) {
    for (; !awaited_.empty(); awaited_.pop_front(), passed_ = 0) {
      to_client_.add(std::string_view(stand_in_for(awaited_.front())).substr(passed_));
    }
    if (!to_client_.send_to(client_)) return;
    const ssize_t n = recv(client_.get(), buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    requests_.read(std::span(buffer_.data(), static_cast<std::size_t>(n)), awaited_);
  }
}

}  // namespace sinkscope::rpc
