#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sinkscope {

// How often each of n documents is drawn in bootstrap number `draw`: n draws with replacement. A pure function of its
// arguments, on every machine.
//
// returns  [n], summing to n
std::vector<std::uint32_t> bootstrap_weights(std::size_t n, std::uint64_t seed, std::uint64_t draw);

}  // namespace sinkscope
