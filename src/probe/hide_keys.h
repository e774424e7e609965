#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "probe/edit.h"

namespace sinkscope {

// Keys of one sequence that its later queries do not see, in some blocks.
struct HiddenKeys {
  int sequence = 0;
  std::vector<int> positions;
  int first_layer = 0;
  int last_layer = std::numeric_limits<int>::max();  // inclusive; beyond the network: to its last block
  int min_distance = 1;  // queries at least so many positions after the key; 1: all but the token itself
};

// Hides keys as if the cache did not hold them: nothing else of their tokens changes, and positions stay.
//
//   knockout of a token from layer 6 on     HideKeys(HiddenKeys{.positions = {224}, .first_layer = 6})
//   a cache that drops it 64 tokens later   HideKeys(HiddenKeys{.positions = {224}, .min_distance = 64})
class HideKeys final : public Edit {
 public:
  explicit HideKeys(HiddenKeys hidden) { hidden_.push_back(std::move(hidden)); }
  explicit HideKeys(std::vector<HiddenKeys> hidden) : hidden_(std::move(hidden)) {}

  std::string description() const override;
  // throws  Error{kUsage} also if min_distance is below 1 or a range of layers is empty
  void check(const ModelFacts& facts, std::span<const int> n_tokens) const override;
  bool touches_attention(int layer) const override;
  void edit_attention(EditableAttention& attention) override;

 private:
  std::vector<HiddenKeys> hidden_;
};

}  // namespace sinkscope
