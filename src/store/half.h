#pragma once

#include <cstdint>

namespace sinkscope {

// IEEE 754 binary16, rounded to nearest even; NaN stays NaN, what is too large becomes infinite.
std::uint16_t half_from_float(float value);
float float_from_half(std::uint16_t half);

}  // namespace sinkscope
