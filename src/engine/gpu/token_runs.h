#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sinkscope::gpu {

// Consecutive tokens of a micro-batch that belong to one sequence.
struct TokenRun {
  int first_row = 0;
  int first_position = 0;
  int n_rows = 0;
};

// position, sequence  [n_tokens] of the micro-batch
inline std::vector<TokenRun> token_runs(std::span<const std::int32_t> position,
                                        std::span<const std::int32_t> sequence) {
  std::vector<TokenRun> runs;
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (i == 0 || sequence[i] != sequence[i - 1]) runs.push_back({static_cast<int>(i), position[i], 0});
    ++runs.back().n_rows;
  }
  return runs;
}

}  // namespace sinkscope::gpu
