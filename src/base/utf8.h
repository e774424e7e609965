#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace sinkscope {

// Length of the UTF-8 sequence at `at`, by the Unicode standard's table 3-7 (no overlong forms, no surrogates).
//
// returns  1 to 4; 0 where the bytes are no UTF-8
std::size_t utf8_length(std::string_view bytes, std::size_t at);

bool is_utf8(std::string_view bytes);

// A piece of bytes that are meant to be text: a whole code point, or one byte that begins none.
struct Utf8Piece {
  std::string_view bytes;        // 1 to 4
  std::optional<char32_t> code;  // nothing: the byte is no UTF-8
};

// The piece that begins at `at`.
//
// at  less than the size
Utf8Piece utf8_piece(std::string_view bytes, std::size_t at);

// All pieces in their order, for a range-based for loop. It reads the bytes where they lie.
class Utf8Pieces {
 public:
  class Iterator {
   public:
    using value_type = Utf8Piece;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) { look(); }
    const Utf8Piece& operator*() const { return piece_; }
    Iterator& operator++() {
      at_ += piece_.bytes.size();
      look();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at_ >= bytes_.size(); }

   private:
    void look() {
      if (at_ < bytes_.size()) piece_ = utf8_piece(bytes_, at_);
    }
    std::string_view bytes_;
    std::size_t at_ = 0;
    Utf8Piece piece_;
  };

  explicit Utf8Pieces(std::string_view bytes) : bytes_(bytes) {}
  Iterator begin() const { return {bytes_, 0}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::string_view bytes_;
};

// Text with every byte that is no UTF-8 replaced by a private code point (U+10FF80 + byte - 0x80), so that a strict
// parser takes it; from_private_bytes turns them back, and is the exact inverse.
std::string to_private_bytes(std::string_view bytes);
std::string from_private_bytes(std::string_view text);

}  // namespace sinkscope
