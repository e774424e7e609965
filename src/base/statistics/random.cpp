#include "base/statistics/random.h"

#include <cmath>

namespace sinkscope {
namespace {

std::uint64_t next_of(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::uint64_t stream) : state_(seed) {
  state_ = next_of(state_) + stream;
  state_ = next_of(state_);
}

std::uint64_t RandomStream::next() { return next_of(state_); }

std::size_t RandomStream::below(std::size_t n) {
  const std::uint64_t whole = ~std::uint64_t{0} - ~std::uint64_t{0} % n;  // a multiple of n
  std::uint64_t drawn = next();
  while (drawn >= whole) drawn = next();
  return drawn % n;
}

double RandomStream::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

double RandomStream::normal() {
  for (;;) {
    const double x = 2 * uniform() - 1, y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
  }
}

std::vector<std::uint32_t> bootstrap_weights(std::size_t n, std::uint64_t seed, std::uint64_t draw) {
  std::vector<std::uint32_t> weights(n);
  std::uint64_t state = seed;
  state = next_of(state) + draw;
  for (std::size_t i = 0; i < n; ++i) {
    // The upper 32 bits scaled to [0, n): the bias is below n / 2^32.
    const std::uint64_t drawn = ((next_of(state) >> 32) * n) >> 32;
    ++weights[drawn];
  }
  return weights;
}

std::vector<float> random_direction(std::size_t d, RandomStream& random) {
  std::vector<double> drawn(d);
  double square = 0;
  for (double& x : drawn) {
    x = random.normal();
    square += x * x;
  }
  std::vector<float> direction(d);
  const double scale = 1 / std::sqrt(square);
  for (std::size_t i = 0; i < d; ++i) direction[i] = static_cast<float>(drawn[i] * scale);
  return direction;
}

}  // namespace sinkscope
