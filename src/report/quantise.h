#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sinkscope {

// How 8-bit codes stand for numbers: code 0 is "not measured", codes 1 to 255 go from low to high in equal steps, of
// the number itself or of its logarithm.
struct Scale {
  bool logarithmic = false;
  float low = 0;
  float high = 1;

  float value(std::uint8_t code) const;  // code >= 1
  std::uint8_t code(float value) const;  // 0 for NaN; clamps to [low, high]
};

struct Quantised {
  Scale scale;
  std::vector<std::uint8_t> codes;
};

// Numbers on a scale that is given, such as cosines on [-1, 1]: off by at most (high - low) / 508.
Quantised quantise_linear(std::span<const float> values, float low, float high);

// Numbers that are not negative on a logarithmic scale from the smallest to the largest positive one, at most six
// decades: off by at most a factor of (high / low)^(1/508). Smaller ones, and 0, become low.
Quantised quantise_logarithmic(std::span<const float> values);

}  // namespace sinkscope
