#pragma once

#include <span>
#include <string>
#include <vector>

#include "impact/cache_form.h"
#include "probe/edit.h"

namespace sinkscope {

// x = H x, H the Walsh-Hadamard matrix of length 1 rows; so twice is nothing. values: [a power of two]
void rotate_by_hadamard(std::span<float> values);

// Rounds numbers to 2^bits equally spaced ones between their smallest and largest, which are among them.
void round_to_range(std::span<float> values, int bits);

// A key-value cache that stores keys and values in few bits, but those of some tokens exactly: as each token is written,
// its keys (after RoPE) and values become what the cache would read back. Queries see that from the token itself on, and
// with KIVI ranges of tokens that come after them in their group of 32. The pack must be one sequence.
//
// A last group of under 32 tokens is a group. Scales of KIVI are float32.
class RoundedCache final : public Edit {
 public:
  // exact  positions that are stored as they are, ascending; they are in no range either
  RoundedCache(CacheForm form, std::vector<int> exact, const ModelFacts& facts);

  std::string description() const override;
  // throws  Error{kModel} also if heads are no multiple of 32 long, or a block has attention and no cache of its own
  void check(const ModelFacts& facts, std::span<const int> n_tokens) const override;
  bool touches(ProbePoint point, int layer) const override;
  // throws  Error{kUsage} if groups of 32 tokens are cut by micro-batches
  void edit_states(EditableStates& states) override;

 private:
  struct Heads {
    int key_dim = 0, value_dim = 0;  // 0: the block has no cache
  };

  int rotation_of(int head_dim, bool keys) const;
  void round_rows(EditableStates& states, std::span<const int> rows, int head_dim) const;
  void round_channels(EditableStates& states, std::span<const int> rows) const;
  void round_groups(EditableStates& states, std::span<const int> rows) const;

  CacheForm form_;
  std::vector<int> exact_;
  std::vector<Heads> heads_;                         // [n_layers]
  bool keys_alike_ = true, values_alike_ = true;     // heads of all blocks have one size
};

}  // namespace sinkscope
