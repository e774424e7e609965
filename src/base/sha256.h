#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sinkscope {

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  // Ends it: call one of them, once.
  std::array<std::byte, 32> digest();
  std::string hex();  // 64 lower case hexadecimal digits

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of_text(std::string_view text);

// should_stop  asked for each megabyte; may be empty
// throws       Error{kInput} if the file cannot be read; Error{kInterrupted} if should_stop said so
// cost         reads the whole file, about 1 GB/s
std::string sha256_of_file(const std::string& path, const std::function<bool()>& should_stop = {});

}  // namespace sinkscope
