#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sinkscope {

// Random numbers that are a pure function of a seed, a stream and a counter: equal on every machine, and independent
// of threads, as each draw of a bootstrap or a permutation takes a stream of its own.
//
// source  SplitMix64 (Steele, Lea and Flood 2014), with the state of (seed, stream) mixed twice
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream);

  std::uint64_t next();
  // Uniform in [0, n), by rejection, so without bias. n >= 1
  std::size_t below(std::size_t n);
  // Uniform in [0, 1), 53 bits.
  double uniform();
  // Standard normal, by the polar method of Marsaglia.
  double normal();

  template <typename T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::uint64_t state_;
};

// How often each of n documents is drawn in bootstrap number `draw`: n draws with replacement. A pure function of its
// arguments, on every machine.
//
// returns  [n], summing to n
std::vector<std::uint32_t> bootstrap_weights(std::size_t n, std::uint64_t seed, std::uint64_t draw);

// A random unit vector, equally likely in every direction.
std::vector<float> random_direction(std::size_t d, RandomStream& random);

}  // namespace sinkscope
