#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sinkscope {

// What a key-value cache may be.
//
//   window:B     B cells: the kept tokens, and the most recent others
//   q8_0, q4_0   llama.cpp's blocks of 32 numbers, after the Hadamard rotation that it applies by default to heads whose
//                size is a multiple of 64
//   q4_0:plain   the same without that rotation (LLAMA_ATTN_ROT_DISABLE)
//   kivi2, kivi4  KIVI's two and four bits: keys by channel over 32 tokens, values by token in groups of 32
enum class CacheKind : std::uint8_t { kWindow, kQ8_0, kQ4_0, kKivi2, kKivi4 };

struct CacheForm {
  CacheKind kind = CacheKind::kWindow;
  int cells = 0;        // of a window
  bool rotated = true;  // q8_0, q4_0
  bool operator==(const CacheForm&) const = default;
};

// throws  Error{kUsage} for anything but "q8_0", "q4_0", these with ":plain", "kivi2", "kivi4" and "window:B", B >= 2
CacheForm cache_form_from(const std::string& word);
std::string word_of(const CacheForm& form);
// What it does with some tokens: "keeps" them, or "stores exactly".
std::string_view verb_of(const CacheForm& form);
// Several caches.
//
// throws  as cache_form_from; Error{kUsage} if one comes twice
std::vector<CacheForm> cache_forms_from(std::span<const std::string> words);

}  // namespace sinkscope
