#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/views.h"
#include "store/bytes.h"

namespace sinkscope {

// Records as bytes by one list of members for both directions: members(archive, record) calls archive(member, ...).
// A list is its length and its elements; what may lack, whether it is there and then itself.

// For the lists of members: a record, or a record that is not changed.
template <typename T, typename Record>
concept RecordOf = std::same_as<std::remove_const_t<T>, Record>;

// The largest value of an enumeration that is stored.
template <typename Enum>
inline constexpr auto kLastOf = nullptr;

class ArchiveWriter {
 public:
  template <typename... Ts>
  void operator()(const Ts&... values) {
    (write(values), ...);
  }
  std::vector<std::byte> take() { return bytes_.take(); }
  const std::vector<std::byte>& bytes() const { return bytes_.bytes(); }

 private:
  template <typename T>
  void write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      bytes_.write(static_cast<std::uint8_t>(value));
    } else if constexpr (std::is_same_v<T, bool>) {
      bytes_.write(static_cast<std::uint8_t>(value ? 1 : 0));
    } else if constexpr (std::is_arithmetic_v<T>) {
      bytes_.write(value);
    } else {
      members(*this, value);
    }
  }
  void write(const std::string& text) {
    bytes_.write(static_cast<std::uint32_t>(text.size()));
    for (const char c : text) bytes_.write(c);
  }
  template <typename T>
  void write(const std::vector<T>& values) {
    bytes_.write(static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) write(value);
  }
  template <typename T>
  void write(const std::optional<T>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  template <typename A, typename B>
  void write(const std::pair<A, B>& pair) {
    write(pair.first);
    write(pair.second);
  }
  template <typename T>
  void write(const Matrix<T>& matrix) {
    bytes_.write(static_cast<std::uint32_t>(matrix.rows()));
    bytes_.write(static_cast<std::uint32_t>(matrix.cols()));
    for (std::size_t i = 0; i < matrix.rows() * matrix.cols(); ++i) bytes_.write(matrix.data()[i]);
  }

  ByteWriter bytes_;
};

// throws  Error{kInput} for bytes that ArchiveWriter cannot have written
// memory  a small multiple of the bytes, whatever lengths they claim
class ArchiveReader {
 public:
  explicit ArchiveReader(ByteReader bytes) : bytes_(std::move(bytes)) {}
  template <typename... Ts>
  void operator()(Ts&... values) {
    (read(values), ...);
  }
  const ByteReader& bytes() const { return bytes_; }

 private:
  template <typename T>
  void read(T& value) {
    if constexpr (std::is_enum_v<T>) {
      const auto number = bytes_.read<std::uint8_t>();
      if (number > static_cast<std::uint8_t>(kLastOf<T>)) bytes_.fail("a name is of no known kind");
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, bool>) {
      const auto number = bytes_.read<std::uint8_t>();
      if (number > 1) bytes_.fail("a truth value is neither true nor false");
      value = number == 1;
    } else if constexpr (std::is_arithmetic_v<T>) {
      value = bytes_.read<T>();
      if constexpr (std::is_floating_point_v<T>) {
        if (!std::isfinite(value)) bytes_.fail("a figure is not a finite number");
      }
    } else {
      members(*this, value);
    }
  }
  // Every element has a byte at least.
  std::size_t read_length(std::size_t element_bytes = 1) {
    const std::size_t n = bytes_.read<std::uint32_t>();
    if (n > bytes_.remaining() / element_bytes) bytes_.fail("a list is longer than its bytes");
    return n;
  }
  void read(std::string& text) {
    const auto bytes = bytes_.take(read_length());
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  template <typename T>
  void read(std::vector<T>& values) {
    const std::size_t n = read_length();
    values.clear();
    for (std::size_t i = 0; i < n; ++i) read(values.emplace_back());
  }
  template <typename T>
  void read(std::optional<T>& value) {
    bool is_there = false;
    read(is_there);
    if (is_there) {
      read(value.emplace());
    } else {
      value.reset();
    }
  }
  template <typename A, typename B>
  void read(std::pair<A, B>& pair) {
    read(pair.first);
    read(pair.second);
  }
  template <typename T>
  void read(Matrix<T>& matrix) {
    const std::size_t rows = bytes_.read<std::uint32_t>(), cols = bytes_.read<std::uint32_t>();
    if (cols > 0 && rows > bytes_.remaining() / sizeof(T) / cols) bytes_.fail("an array is longer than its bytes");
    matrix = Matrix<T>(rows, cols);
    for (std::size_t i = 0; i < rows * cols; ++i) read(matrix.data()[i]);
  }

  ByteReader bytes_;
};

}  // namespace sinkscope
