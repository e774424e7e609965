#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace sinkscope::rpc {

// llama.cpp's RPC protocol, as far as a relay has to know it: where requests and answers end, and which there are.
//
//   request  command, 1 byte; n, 8 bytes; n bytes
//   answer   n, 8 bytes; n bytes. Some commands have none
//
// source  ggml/src/ggml-rpc/ggml-rpc.cpp, protocol 7.0; its structures are in no header
enum class Command : std::uint8_t {
  kAllocBuffer,
  kGetAlignment,
  kGetMaxSize,
  kBufferGetBase,
  kFreeBuffer,
  kBufferClear,
  kSetTensor,
  kSetTensorHash,
  kGetTensor,
  kCopyTensor,
  kGraphCompute,
  kGetDeviceMemory,
  kInitTensor,
  kGetAllocSize,
  kHello,
  kDeviceCount,
  kGraphRecompute,
  kMemsetTensor,
};

constexpr std::size_t kSizeBytes = 8;  // of the n before an answer

// An answer that a request asks for.
struct Awaited {
  Command command;
  std::uint64_t n_bytes = 0;  // beside its size

  std::uint64_t whole() const { return kSizeBytes + n_bytes; }
};

// Follows requests as their bytes come, in pieces of any length.
class Requests {
 public:
  // awaited  grows by the answer of each request that ends in bytes
  void read(std::span<const char> bytes, std::deque<Awaited>& awaited);

 private:
  static constexpr std::size_t kHeadBytes = 1 + kSizeBytes;

  std::string head_;                // of the present request, as far as it came
  std::uint64_t body_left_ = 0;     // of the present request
  std::string last_;                // up to 8 bytes: the last of its body so far
};

// What is wrong with an answer that came whole, its size before it; empty if nothing is.
std::string fault_of(const Awaited& awaited, const std::string& answer);

// An answer in place of a server's that is lost, its size before it. llama.cpp goes on with it to where it can end its
// work, and computes with nothing that it could trip over; what it computes is of no use.
std::string stand_in_for(const Awaited& awaited);

}  // namespace sinkscope::rpc
