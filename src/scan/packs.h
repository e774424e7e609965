#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sinkscope {

// Sequences that run together, as [first, first + count) of those that wait.
struct PackRange {
  std::size_t first = 0;
  std::size_t count = 0;
};

// Tokens of a pack: more than one micro-batch, so that documents of half its length and more fill micro-batches too.
constexpr int pack_tokens(int n_ubatch) { return 4 * n_ubatch; }

// Cuts sequences into packs, in order: a pure function of the lengths and the limits.
//
// max_tokens  of a pack; a sequence that is longer has a pack of its own
std::vector<PackRange> plan_packs(std::span<const int> lengths, int max_tokens, int max_sequences);

}  // namespace sinkscope
