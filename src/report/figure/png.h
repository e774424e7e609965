#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "report/figure/palette.h"

namespace sinkscope {

// A PNG with one byte a pixel and a palette; code 0 is clear.
//
// codes    [height, width], the top row first
// returns  the file's bytes
// throws   Error{kInternal} if there is no pixel, or their number does not fit the width
std::string png_of(std::span<const std::uint8_t> codes, std::size_t width, const Ramp& ramp);

}  // namespace sinkscope
