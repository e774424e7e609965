#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "sinks/figures.h"

namespace sinkscope {

// A run as the reference records it.
struct ReferenceRun {
  int position;
  int l_start;
  int l_end;
  std::string verdict;
  std::optional<std::string> kind;  // of sinks
  std::optional<float> far_boost_median;
};

// One file of tests/data/reference: see the README there.
struct ReferenceData {
  struct Array {
    std::vector<int> layers;    // which layers it holds
    std::size_t per_layer = 0;  // values of a layer
    std::vector<std::optional<float>> values;
    const std::optional<float>& at(std::size_t layer_index, std::size_t i) const {
      return values[layer_index * per_layer + i];
    }
  };
  int n_layers = 0;
  std::vector<TokenId> short_tokens;
  std::vector<TokenId> long_tokens;
  int birth_layer = 0;
  std::vector<std::pair<int, int>> active_layers;
  std::vector<ReferenceRun> runs;
  std::map<std::string, Array> arrays;  // "short.hidden_norm", "long.far_boost", ...
};

// model  "smollm2", "gemma3" or "qwen25coder"
ReferenceData read_reference(const std::string& model);

// The reference's figures of the long text, every token's, as a rule asks for them.
SequenceFigures figures_of(const ReferenceData& data);

}  // namespace sinkscope
