#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace sinkscope {

// Which sinks to take first: one of each of evenly spread sequences, then of the others, then second ones.
//
// sinks     [n_sequences] how many each has
// n_wanted  how many are to be spread; >= 0
// returns   (sequence, sink), all of them
std::vector<std::pair<std::size_t, std::size_t>> edit_order(std::span<const std::size_t> sinks, int n_wanted);

}  // namespace sinkscope
