#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "impact/removed_tokens.h"

namespace sinkscope {

// Tokens that are removed in place of the sinks: what removing any token does.
struct Placebo {
  std::vector<std::vector<RemovedToken>> draws;  // each one token for each removed token, in their order
  int n_wanted = 0;                              // draws; fewer are made where there are too few candidates
  int max_distance = 0;                          // of a token to the one that it stands for
};

// Draws ordinary tokens near the removed ones: of the 2 x n_draws nearest that are left, none twice over all draws, and
// none that is a removed token or its neighbour.
//
// ordinary  [n_tokens] 1 where a token can be drawn
// stream    of random numbers, of the document's own, so that draws do not depend on its place in a file
Placebo draw_placebo(std::span<const std::uint8_t> ordinary, std::span<const RemovedToken> removed, int n_draws,
                     std::uint64_t seed, std::uint64_t stream);

}  // namespace sinkscope
