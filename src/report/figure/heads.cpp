#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/display_text.h"
#include "base/error.h"
#include "report/figure/drawings.h"
#include "report/figure/quantities.h"
#include "report/figure/svg.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr double kHeadsRow = 16;
constexpr int kHeadsNameColumns = 9;

// The position that is asked for, or else the first sink's, or the primary's.
int position_of(const DrawnDocument& drawn, const LayerData& data) {
  if (drawn.options.token) {
    if (std::ranges::binary_search(data.positions, *drawn.options.token)) return *drawn.options.token;
    throw Error(ErrorCode::kUsage,
                fmt::format("--token: expected the position of the primary or a sink, such as {}, got {}",
                            data.positions.empty() ? 0 : data.positions.back(), *drawn.options.token));
  }
  const auto sink = std::ranges::find(drawn.detection.runs, Verdict::kSink, &Run::verdict);
  return sink != drawn.detection.runs.end() ? sink->position : data.positions.front();
}

}  // namespace

std::string draw_heads(const DrawnDocument& drawn) {
  const Quantity& quantity = quantity_of(drawn.options, head_quantities());
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, false);
  const NamedFigures* heads = data.head(quantity.id);
  if (heads == nullptr) {
    throw Error(ErrorCode::kInput,
                fmt::format("heads: expected a results file with {} by head of a primary or a sink, got one without; "
                            "scan again with --keep heads into a new file",
                            quantity.id));
  }
  const int position = position_of(drawn, data);
  const auto row = std::ranges::lower_bound(data.positions, position) - data.positions.begin();
  const double width = drawn.options.width, top = key_room(width) + 2;
  const Frame frame{width, data.n_heads * kHeadsRow + top + 42, 48, 14, top, 40};
  const std::string name = drawn.token(position);
  Svg svg(frame, theme_of(drawn.options.dark),
          fmt::format("{} of {} at {} by layer and head", quantity.name, name, grouped(position)));
  const Axis x = linear_axis(0, data.n_layers, frame.left, frame.width - frame.right);
  const Axis y = linear_axis(0, data.n_heads, frame.height - frame.bottom, frame.top);
  // One scale for all tokens that may be chosen, so that colours compare.
  const Colours colours = colours_of(quantity, scale_of(heads->values, quantity), drawn.options.dark);
  for (int layer = 0; layer < data.n_layers; ++layer) {
    for (int head = 0; head < data.n_heads; ++head) {
      const float value =
          heads->values.at(static_cast<std::size_t>((row * data.n_layers + layer) * data.n_heads + head));
      svg.rect(x.at(layer) + 0.5, y.at(head + 1) + 0.5, std::max(1.0, x.at(1) - x.at(0) - 1), kHeadsRow - 1,
               colours.fill(value, svg.theme()),
               fmt::format("\u201c{}\u201d at {}, layer {}, head {}: {}", name, grouped(position), layer, head,
                           reading(quantity, value)));
    }
  }
  colours.add_key(
      svg, frame.left,
      fmt::format("{} of \u201c{}\u201d at {}", quantity.name, clip_end(name, kHeadsNameColumns), grouped(position)));
  svg.left_axis(middles(y), "head", layer_ticks(data.n_heads, 8), false);
  svg.bottom_axis(middles(x), layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer");
  return svg.finish();
}

}  // namespace sinkscope
