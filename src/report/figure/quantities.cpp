#include "report/figure/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "report/words.h"

namespace sinkscope {
namespace {

// Cosines have both signs, so their colours are of the whole scale.
int first_colour(const Quantity& quantity, const Scale& scale) {
  if (quantity.cosine) return 1;
  return quantity.floor > scale.low ? std::min<int>(200, scale.code(quantity.floor)) : 1;
}

}  // namespace

std::vector<std::string_view> map_quantities() {
  std::vector<std::string_view> ids(quantities().size());
  std::ranges::transform(quantities(), ids.begin(), &Quantity::id);
  return ids;
}

const Quantity& quantity_of(const FigureOptions& options, std::span<const std::string_view> offered) {
  const std::string_view wanted = options.quantity.empty() ? offered.front() : options.quantity;
  const Quantity* found = quantity_named(wanted);
  if (found != nullptr && std::ranges::find(offered, wanted) != offered.end()) return *found;
  throw Error(ErrorCode::kUsage, fmt::format("--quantity: of {} expected one of {}, got '{}'", options.figure,
                                             fmt::join(offered, ", "), options.quantity));
}

Scale scale_of(std::span<const float> values, const Quantity& quantity) {
  if (quantity.cosine) return {false, -1, 1};
  float low = std::numeric_limits<float>::max(), high = 1e-6F;
  for (const float value : values) {
    if (!(value > 0)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {true, std::max({std::min(low, high), high / 1e6F, std::min(quantity.floor, high)}), high};
}

std::string reading(const Quantity& quantity, float value) {
  std::string name(quantity.name);
  const bool abbreviated = name[1] < 'a';  // MLP
  if (!abbreviated) name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return std::isnan(value) ? name + " not measured" : fmt::format("{} {}{}", name, in_digits(value), quantity.unit);
}

std::string Colours::fill(float value, const Theme& theme) const {
  return std::isnan(value) ? fmt::format("fill=\"none\" stroke=\"{}\"", theme.line)
                           : fmt::format("fill=\"{}\"", css_colour(ramp[scale.code(value)]));
}

void Colours::add_key(Svg& svg, double left, std::string_view name) const {
  const auto label = [&](int code) { return in_digits(scale.value(static_cast<std::uint8_t>(code))); };
  svg.named_key(left, name, ramp, first, {label(first), label((first + 256) / 2), label(255)});
}

Colours colours_of(const Quantity& quantity, const Scale& scale, bool dark) {
  const int first = first_colour(quantity, scale);
  return {scale, first, colour_ramp(quantity.cosine, dark, first)};
}

}  // namespace sinkscope
