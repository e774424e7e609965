#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "engine/rpc/wire.h"

namespace sinkscope::rpc {

class Relay;

// One connection of llama.cpp's to a server, through a relay.
class Passage {
 public:
  // client  llama.cpp's end, which never blocks
  Passage(Relay& relay, Descriptor client) : relay_(relay), client_(std::move(client)), buffer_(kPieceBytes) {}

  // Passes on until llama.cpp closes its end. If the server is lost meanwhile, the relay is told, and answers are made
  // up from there on.
  void serve();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

  // Bytes that are on their way to one end.
  class Outgoing {
   public:
    void add(std::string_view bytes) { bytes_.append(bytes); }
    bool empty() const { return sent_ == bytes_.size(); }
    // Sends as much as the end takes.
    //
    // returns  whether the end is still there; errno says why not
    bool send_to(const Descriptor& end);
    void clear() { bytes_.clear(), sent_ = 0; }

   private:
    std::string bytes_;
    std::size_t sent_ = 0;
  };

  bool pass_on();
  bool take_request();
  void take_answers();
  void take_answer(std::string_view& bytes);
  void check_silence();
  bool is_waiting() const { return !to_server_.empty() || !awaited_.empty(); }
  void made_progress() { progress_ = Clock::now(); }
  [[noreturn]] void lose(const std::string& got, const std::string& to_try) const;
  void stand_in();

  Relay& relay_;
  Descriptor client_, server_;
  std::vector<char> buffer_;
  Requests requests_;
  std::deque<Awaited> awaited_;
  Outgoing to_server_, to_client_;
  std::string held_;            // of the answer that is due next: what came and was not passed on
  std::uint64_t passed_ = 0;    // of that answer, in bytes
  std::size_t came_ = 0;        // of it since the last progress
  bool has_answered_ = false;   // ever
  Clock::time_point progress_ = Clock::now();
};

}  // namespace sinkscope::rpc
