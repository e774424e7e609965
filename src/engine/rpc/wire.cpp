#include "engine/rpc/wire.h"

#include <ggml-rpc.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace sinkscope::rpc {
namespace {

static_assert(RPC_PROTO_MAJOR_VERSION == 7 && RPC_PROTO_MINOR_VERSION == 0,
              "llama.cpp's RPC protocol has changed: compare Command and n_answer_bytes with its ggml-rpc.cpp");

constexpr std::uint32_t kMostDevices = 256;

template <typename Number>
Number number_in(std::string_view bytes, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

template <typename Number>
void put(std::string& bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

// last  the last 8 bytes of the request
std::optional<std::uint64_t> n_answer_bytes(Command command, std::string_view last) {
  switch (command) {
    case Command::kAllocBuffer:
    case Command::kGetDeviceMemory:
      return 16;
    case Command::kGetAlignment:
    case Command::kGetMaxSize:
    case Command::kBufferGetBase:
    case Command::kGetAllocSize:
      return 8;
    case Command::kSetTensorHash:
    case Command::kCopyTensor:
      return 1;
    case Command::kHello:
      return 28;
    case Command::kDeviceCount:
      return 4;
    case Command::kGetTensor:
      return last.size() == sizeof(std::uint64_t) ? number_in<std::uint64_t>(last, 0) : 0;
    default:
      return {};
  }
}

}  // namespace

void Requests::read(std::span<const char> bytes, std::deque<Awaited>& awaited) {
  while (!bytes.empty()) {
    if (head_.size() < kHeadBytes) {
      const std::size_t n = std::min(bytes.size(), kHeadBytes - head_.size());
      head_.append(bytes.data(), n);
      bytes = bytes.subspan(n);
      if (head_.size() < kHeadBytes) return;
      body_left_ = number_in<std::uint64_t>(head_, 1);
      last_.clear();
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
    const std::size_t n_kept = std::min(n, sizeof(std::uint64_t));
    last_.append(bytes.data() + (n - n_kept), n_kept);
    if (last_.size() > sizeof(std::uint64_t)) last_.erase(0, last_.size() - sizeof(std::uint64_t));
    bytes = bytes.subspan(n);
    body_left_ -= n;
    if (body_left_ > 0) return;
    const auto command = static_cast<Command>(head_[0]);
    if (const auto n_answer = n_answer_bytes(command, last_)) awaited.push_back({command, *n_answer});
    head_.clear();
  }
}

std::string fault_of(const Awaited& awaited, const std::string& answer) {
  const auto size = number_in<std::uint64_t>(answer, 0);
  if (size != awaited.n_bytes) {
    return "an answer of " + std::to_string(size) + " bytes in place of " + std::to_string(awaited.n_bytes);
  }
  if (answer.size() < awaited.whole()) return {};
  if (awaited.command == Command::kHello) {
    const int major = static_cast<unsigned char>(answer[kSizeBytes]);
    const int minor = static_cast<unsigned char>(answer[kSizeBytes + 1]);
    if (major == RPC_PROTO_MAJOR_VERSION && minor <= RPC_PROTO_MINOR_VERSION) return {};
    return "one of protocol " + std::to_string(major) + "." + std::to_string(minor) + " in place of " +
           std::to_string(RPC_PROTO_MAJOR_VERSION) + "." + std::to_string(RPC_PROTO_MINOR_VERSION);
  }
  if (awaited.command == Command::kDeviceCount) {
    const auto n_devices = number_in<std::uint32_t>(answer, kSizeBytes);
    if (n_devices == 0) return "one without devices";
    if (n_devices > kMostDevices) return "one of " + std::to_string(n_devices) + " devices";
  }
  return {};
}

std::string stand_in_for(const Awaited& awaited) {
  constexpr std::uint64_t kAlignment = 128;
  std::string answer(static_cast<std::size_t>(awaited.whole()), '\0');
  put(answer, 0, awaited.n_bytes);
  switch (awaited.command) {
    case Command::kHello:
      answer[kSizeBytes] = RPC_PROTO_MAJOR_VERSION;
      answer[kSizeBytes + 1] = RPC_PROTO_MINOR_VERSION;
      break;
    case Command::kGetAlignment:
    case Command::kBufferGetBase:  // no pointer, but never read through here
      put(answer, kSizeBytes, kAlignment);
      break;
    case Command::kGetMaxSize:
      put(answer, kSizeBytes, std::numeric_limits<std::uint64_t>::max());
      break;
    case Command::kSetTensorHash:  // it has the weights: they need not be sent
    case Command::kCopyTensor:
      answer[kSizeBytes] = 1;
      break;
    default:
      break;
  }
  return answer;
}

}  // namespace sinkscope::rpc
