#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace sinkscope::gpu {

// Consecutive tokens of a micro-batch that belong to one sequence.
struct TokenRun {
  int first_row = 0;
  int first_position = 0;
  int n_rows = 0;
  std::vector<int> candidates = {};  // positions, ascending

  // How many candidates lie before a position.
  std::int64_t candidates_before(int position) const {
    return std::ranges::lower_bound(candidates, position) - candidates.begin();
  }
  std::int64_t n_old() const { return candidates_before(first_position); }
  std::int64_t n_come() const { return candidates_before(first_position + n_rows); }
};

// position, sequence  [n_tokens] of the micro-batch
inline std::vector<TokenRun> token_runs(std::span<const std::int32_t> position,
                                        std::span<const std::int32_t> sequence) {
  std::vector<TokenRun> runs;
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (i == 0 || sequence[i] != sequence[i - 1]) runs.push_back({static_cast<int>(i), position[i]});
    ++runs.back().n_rows;
  }
  return runs;
}

}  // namespace sinkscope::gpu
