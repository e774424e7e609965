#include "text/chunks.h"

#include <algorithm>

namespace sinkscope {

std::vector<Sequence> sequences_of(const InputPlace& place, const std::vector<TokenId>& tokens, int prompt_tokens,
                                   TokenId bos, int chunk_tokens) {
  const int n_tokens = static_cast<int>(tokens.size());
  const int step = chunk_tokens > 0 ? chunk_tokens : std::max(1, n_tokens);
  const int document_bos = bos >= 0 && n_tokens > 0 && tokens[0] != bos ? 1 : 0;
  std::vector<Sequence> sequences;
  for (int first = 0; first < n_tokens; first += step) {
    const int count = std::min(step, n_tokens - first);
    Sequence& sequence = sequences.emplace_back();
    sequence.place = place;
    sequence.chunk_index = first / step;
    sequence.bos_tokens = bos >= 0 && tokens[static_cast<std::size_t>(first)] != bos ? 1 : 0;
    sequence.document_offset = first + document_bos - sequence.bos_tokens;
    sequence.tokens.reserve(static_cast<std::size_t>(count + sequence.bos_tokens));
    if (sequence.bos_tokens == 1) sequence.tokens.push_back(bos);
    sequence.tokens.insert(sequence.tokens.end(), tokens.begin() + first, tokens.begin() + first + count);
    const int prompt = std::clamp(prompt_tokens - first, 0, count);
    sequence.prompt_tokens = prompt > 0 ? prompt + sequence.bos_tokens : 0;
  }
  for (Sequence& sequence : sequences) sequence.n_chunks = static_cast<int>(sequences.size());
  return sequences;
}

}  // namespace sinkscope
