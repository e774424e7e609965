#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// How a value is stored in a GGUF file; the numbers are the format's own.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// The key-value pairs of a GGUF file, in the file's order. Values keep the very bytes of the file, so that a
// copy is equal byte for byte; they are decoded when asked for.
class GgufMetadata {
 public:
  struct Entry {
    std::string key;
    GgufType type = GgufType::kU8;
    std::vector<std::byte> payload;  // as in the file; of an array: element type, count, elements
  };

  std::span<const Entry> entries() const { return entries_; }
  const Entry* find(std::string_view key) const;

  // Nothing if the key is missing, or its value is of another kind or does not fit.
  std::optional<std::int64_t> integer(std::string_view key) const;  // any integer type
  std::optional<double> number(std::string_view key) const;         // any integer or floating point type
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const;
  std::optional<std::vector<double>> numbers(std::string_view key) const;
  std::optional<std::vector<std::string>> texts(std::string_view key) const;

  // Replace the value of a key where it stands, or append it.
  void set_u32(std::string_view key, std::uint32_t value);
  void set_f32(std::string_view key, float value);
  void set_flag(std::string_view key, bool value);
  void set_text(std::string_view key, std::string_view value);
  void set_i32s(std::string_view key, std::span<const std::int32_t> values);
  void set_texts(std::string_view key, std::span<const std::string> values);
  void set(Entry entry);

 private:
  std::vector<Entry> entries_;
};

// Bytes of one element of a scalar type; 0 for strings and arrays.
std::size_t scalar_bytes(GgufType type);

}  // namespace sinkscope
