#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"

struct llama_vocab;

namespace sinkscope {

// A part of a text that can be tokenised by itself.
struct TextPart {
  std::size_t begin = 0, end = 0;  // bytes
  TokenId token = -1;              // the part is this control token; -1: it is text
  bool has_control = false;        // text in which control tokens are to be looked for
};

// Tokens of a vocabulary that llama.cpp looks for in a text before anything else, and where a text can be cut at them.
//
// llama.cpp looks for each of them in each piece so far, and walks through all pieces for each that it finds: 130 KB of
// markup take Gemma's vocabulary (6400 such tokens) 20 s, and ten times as much a hundred times as long.
class SpecialTokens {
 public:
  // vocab  must outlive this
  explicit SpecialTokens(const llama_vocab* vocab);

  // A text in parts whose tokens, one after another, are those of the whole. It is cut at tokens that no other one
  // overlaps and that strip no blanks: llama.cpp finds these whatever else is there, and what follows one begins a
  // piece in any case.
  //
  // parse_special  control tokens are looked for, too, and each of them that can be is a part
  // apart          bytes of other parts, at least
  // cost           a look-up for each length of such tokens at each byte that begins one
  std::vector<TextPart> parts(std::string_view text, bool parse_special, std::size_t apart) const;

 private:
  struct Kind {
    TokenId token = -1;
    bool is_control = false;  // looked for only with parse_special
    bool is_plain = true;     // strips no blanks beside it, and no other token has its text
  };
  std::unordered_map<std::string_view, Kind> tokens_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte, ascending
};

}  // namespace sinkscope
