#include "report/figure/palette.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sinkscope {
namespace {

constexpr Theme kLight = {"#fffefb", "#1c2026", "#59616b", "#dfdcd3", {"#0069a8", "#3d8bc0", "#c84c00", "#a4487f"},
                          false};
constexpr Theme kDark = {"#181c22", "#e8e6e1", "#a0a8b3", "#2d333c", {"#5aa9e6", "#9fd0f2", "#ff8f52", "#e692c4"},
                         true};

using Stops = std::array<Rgb, 9>;
constexpr Stops kSequentialLight = {{{247, 246, 242},
                                     {222, 229, 226},
                                     {180, 209, 213},
                                     {127, 184, 201},
                                     {75, 153, 189},
                                     {41, 118, 172},
                                     {36, 82, 147},
                                     {38, 49, 108},
                                     {29, 20, 62}}};
constexpr Stops kSequentialDark = {{{24, 28, 34},
                                    {32, 41, 66},
                                    {44, 55, 108},
                                    {56, 81, 142},
                                    {52, 117, 157},
                                    {55, 152, 157},
                                    {94, 186, 138},
                                    {170, 215, 111},
                                    {253, 240, 147}}};
constexpr Stops kDivergingLight = {{{138, 66, 0},
                                    {196, 111, 30},
                                    {230, 168, 104},
                                    {245, 221, 195},
                                    {247, 246, 242},
                                    {200, 222, 236},
                                    {124, 175, 213},
                                    {50, 116, 170},
                                    {13, 58, 108}}};
constexpr Stops kDivergingDark = {{{255, 190, 110},
                                   {214, 134, 54},
                                   {150, 88, 34},
                                   {80, 54, 36},
                                   {24, 28, 34},
                                   {28, 58, 86},
                                   {40, 100, 150},
                                   {84, 155, 212},
                                   {176, 219, 250}}};

}  // namespace

const Theme& theme_of(bool dark) { return dark ? kDark : kLight; }

Ramp colour_ramp(bool cosine, bool dark, int first) {
  const Stops& stops = cosine ? (dark ? kDivergingDark : kDivergingLight) : dark ? kSequentialDark : kSequentialLight;
  Ramp ramp{};
  for (int code = 0; code < 256; ++code) {
    const double part = static_cast<double>(std::max(0, code - first)) / std::max(1, 255 - first);
    const double at = part * static_cast<double>(stops.size() - 1);
    const auto low = std::min(static_cast<std::size_t>(at), stops.size() - 2);
    for (std::size_t c = 0; c < 3; ++c) {
      const double from = stops[low][c], to = stops[low + 1][c];
      ramp[static_cast<std::size_t>(code)][c] =
          static_cast<std::uint8_t>(std::lround(std::lerp(from, to, at - static_cast<double>(low))));
    }
  }
  return ramp;
}

std::string css_colour(const Rgb& colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

}  // namespace sinkscope
