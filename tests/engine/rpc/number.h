#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace sinkscope::rpc {

// As llama.cpp's RPC protocol has it.
inline std::string number(std::uint64_t n) {
  std::string bytes(sizeof n, '\0');
  std::memcpy(bytes.data(), &n, sizeof n);
  return bytes;
}

}  // namespace sinkscope::rpc
