#pragma once

#include <cstddef>
#include <optional>
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

struct PackLimits {
  int max_tokens = 0;  // a sequence that is longer has a pack of its own
  int max_sequences = 1;
  std::optional<int> short_tokens;  // Model::short_rope_tokens: longer sequences share no pack with others
};

// Cuts sequences into packs, in order: a pure function of the lengths and the limits.
std::vector<PackRange> plan_packs(std::span<const int> lengths, const PackLimits& limits);

}  // namespace sinkscope
