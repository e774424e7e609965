#pragma once

#include <vector>

#include "base/ids.h"
#include "text/document.h"

namespace sinkscope {

// What a model runs as one sequence: a document, or a chunk of one.
struct Sequence {
  InputPlace place;
  std::vector<TokenId> tokens;  // with BOS, where there is one
  int prompt_tokens = 0;        // of these, how many precede the text; BOS is counted with the prompt, if there is one
  int bos_tokens = 0;           // 1 if tokens[0] was put there by us and is no token of the document
  int chunk_index = 0;
  int n_chunks = 1;
  // What to add to a position of this sequence for its position in the document, run whole and with its own BOS.
  int document_offset = 0;
};

// Cuts a document into disjoint chunks, each a sequence of its own with BOS.
//
// tokens         of the document, without BOS
// prompt_tokens  how many of them are the prompt
// bos            put before every chunk; none if negative, or where the chunk starts with it already
// chunk_tokens   tokens of the document in each chunk, the last has the rest; 0: one sequence
// returns        at least one sequence; their tokens without BOS, joined, are `tokens`
std::vector<Sequence> sequences_of(const InputPlace& place, const std::vector<TokenId>& tokens, int prompt_tokens,
                                   TokenId bos, int chunk_tokens);

}  // namespace sinkscope
