#include "report/quantise.h"

#include <algorithm>
#include <cmath>

namespace sinkscope {
namespace {

constexpr float kSteps = 254;
constexpr float kDecades = 1e6F;

Quantised quantise(std::span<const float> values, const Scale& scale) {
  Quantised quantised{scale, std::vector<std::uint8_t>(values.size())};
  std::ranges::transform(values, quantised.codes.begin(), [&](float value) { return scale.code(value); });
  return quantised;
}

}  // namespace

float Scale::value(std::uint8_t code) const {
  const float part = static_cast<float>(code - 1) / kSteps;
  return logarithmic ? low * std::pow(high / low, part) : low + part * (high - low);
}

std::uint8_t Scale::code(float value) const {
  if (std::isnan(value)) return 0;
  const float inside = std::clamp(value, low, high);
  if (high <= low) return 1;
  const float part = logarithmic ? std::log(inside / low) / std::log(high / low) : (inside - low) / (high - low);
  return static_cast<std::uint8_t>(1 + std::lround(std::clamp(part, 0.0F, 1.0F) * kSteps));
}

Quantised quantise_linear(std::span<const float> values, float low, float high) {
  return quantise(values, {false, low, high});
}

Quantised quantise_logarithmic(std::span<const float> values) {
  float low = 0, high = 0;
  for (const float value : values) {
    if (!(value > 0) || std::isinf(value)) continue;
    low = low > 0 ? std::min(low, value) : value;
    high = std::max(high, value);
  }
  if (high <= 0) return quantise(values, {true, 1, 1});
  return quantise(values, {true, std::max(low, high / kDecades), high});
}

}  // namespace sinkscope
