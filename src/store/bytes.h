#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sinkscope {

// CRC-32 as in zip, gzip and PNG.
std::uint32_t crc32(std::span<const std::byte> bytes);

// Turns a number into its little-endian form and back; nothing to do on most machines.
template <typename T>
T little_endian(T value) {
  static_assert(std::is_arithmetic_v<T>);
  if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1) {
    return value;
  } else {
    std::byte bytes[sizeof(T)], turned[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) turned[i] = bytes[sizeof(T) - 1 - i];
    std::memcpy(&value, turned, sizeof(T));
    return value;
  }
}

// Appends numbers, little endian.
class ByteWriter {
 public:
  template <typename T>
  void write(T value) {
    value = little_endian(value);
    append(std::as_bytes(std::span(&value, 1)));
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  // Not inline: gcc 12 warns of writing beyond what it thinks it knows of the vector.
  void append(std::span<const std::byte> bytes);

  std::vector<std::byte> bytes_;
};

// Reads numbers, little endian, from bytes that nobody vouches for.
class ByteReader {
 public:
  // what  names the bytes in messages
  ByteReader(std::span<const std::byte> bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  std::size_t remaining() const { return bytes_.size() - at_; }
  const std::string& what() const { return what_; }

  // throws  Error{kInput} if fewer than sizeof(T) bytes are left
  template <typename T>
  T read() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return little_endian(value);
  }
  // throws  Error{kInput} if fewer than count bytes are left
  std::span<const std::byte> take(std::size_t count) {
    if (count > remaining()) fail_short(count);
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }
  // throws  Error{kInput} "what: damaged; detail"
  [[noreturn]] void fail(const std::string& detail) const;

 private:
  [[noreturn]] void fail_short(std::size_t count) const;

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::string what_;
};

}  // namespace sinkscope
