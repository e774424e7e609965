#include "levels/resampling.h"

namespace sinkscope {
namespace {

// SplitMix64 (Steele, Lea and Flood 2014): small, fast, and the same everywhere, unlike the library's distributions.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<std::uint32_t> bootstrap_weights(std::size_t n, std::uint64_t seed, std::uint64_t draw) {
  std::vector<std::uint32_t> weights(n);
  std::uint64_t state = seed;
  state = next(state) + draw;
  for (std::size_t i = 0; i < n; ++i) {
    // The upper 32 bits scaled to [0, n): the bias is below n / 2^32.
    const std::uint64_t drawn = ((next(state) >> 32) * n) >> 32;
    ++weights[drawn];
  }
  return weights;
}

}  // namespace sinkscope
