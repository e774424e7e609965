#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/figure/figures.h"
#include "report/figure/palette.h"
#include "report/figure/svg.h"
#include "report/quantise.h"
#include "report/quantities.h"

namespace sinkscope {

// Of maps and rows, the first one first.
std::vector<std::string_view> map_quantities();

// The quantity that is asked for, or the first of those offered.
//
// offered  ids, some of map_quantities()
// throws   Error{kUsage} that names them
const Quantity& quantity_of(const FigureOptions& options, std::span<const std::string_view> offered);

// The scale of the numbers at hand, from the quantity's floor on, for what has no map.
Scale scale_of(std::span<const float> values, const Quantity& quantity);

// A number of a quantity in words: far boost 12.3×.
std::string reading(const Quantity& quantity, float value);

// How a quantity's numbers are coloured.
struct Colours {
  Scale scale;
  int first = 1;  // the code at which colours begin
  Ramp ramp{};

  // Attributes of a cell: its colour, or an empty frame where nothing was measured.
  std::string fill(float value, const Theme& theme) const;
  // The name of what is drawn, and the colours with the numbers that they stand for.
  void add_key(Svg& svg, double left, std::string_view name) const;
};
Colours colours_of(const Quantity& quantity, const Scale& scale, bool dark);

}  // namespace sinkscope
