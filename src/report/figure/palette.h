#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sinks/detection.h"

namespace sinkscope {

// The colours of figures: those of the page in light or dark (web/src/style.css, web/src/draw/colour.ts).
struct Theme {
  std::string_view surface, ink, muted, line;
  std::array<std::string_view, 4> kinds;  // by SinkKind
  bool dark = false;

  std::string_view of(SinkKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
};
const Theme& theme_of(bool dark);

using Rgb = std::array<std::uint8_t, 3>;
// Colours of codes 0 to 255; they begin at code `first`, smaller ones look like it. Code 0, not measured, is unused.
using Ramp = std::array<Rgb, 256>;
Ramp colour_ramp(bool cosine, bool dark, int first);
std::string css_colour(const Rgb& colour);

}  // namespace sinkscope
