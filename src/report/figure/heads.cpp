#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "report/display_text.h"
#include "report/figure/drawings.h"
#include "report/figure/svg.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr double kRow = 16;
constexpr float kLowest = 0.001F;
constexpr int kNameColumns = 9;

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
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, false);
  if (data.head_scores.empty()) {
    throw Error(
        ErrorCode::kInput,
        "heads: expected a results file that keeps scores by head of a primary or a sink, got one that does not; "
        "scan again with --keep heads into a new file");
  }
  const int position = position_of(drawn, data);
  const auto row = std::ranges::lower_bound(data.positions, position) - data.positions.begin();
  const double width = drawn.options.width, top = key_room(width) + 2;
  const Frame frame{width, data.n_heads * kRow + top + 42, 48, 14, top, 40};
  const std::string name = drawn.token(position);
  Svg svg(frame, theme_of(drawn.options.dark), fmt::format("Sink score of {} at {} by layer and head", name, position));
  const Axis x = linear_axis(0, data.n_layers, frame.left, frame.width - frame.right);
  const Axis y = linear_axis(0, data.n_heads, frame.height - frame.bottom, frame.top);
  const Scale scale{true, kLowest, 1};
  const Ramp ramp = colour_ramp(false, drawn.options.dark, 1);
  for (int layer = 0; layer < data.n_layers; ++layer) {
    for (int head = 0; head < data.n_heads; ++head) {
      const float value =
          data.head_scores.at(static_cast<std::size_t>((row * data.n_layers + layer) * data.n_heads + head));
      const std::string style = std::isnan(value) ? fmt::format("fill=\"none\" stroke=\"{}\"", svg.theme().line)
                                                  : fmt::format("fill=\"{}\"", css_colour(ramp[scale.code(value)]));
      svg.rect(x.at(layer) + 0.5, y.at(head + 1) + 0.5, std::max(1.0, x.at(1) - x.at(0) - 1), kRow - 1, style,
               fmt::format("Head {} of layer {} gives \u201c{}\u201d at {} {} of its attention", head, layer, name,
                           grouped(position), in_digits(value)));
    }
  }
  const auto label = [&](int code) { return in_digits(scale.value(static_cast<std::uint8_t>(code))); };
  svg.named_key(frame.left,
                fmt::format("Sink score of \u201c{}\u201d at {}", clip_end(name, kNameColumns), grouped(position)),
                ramp, 1, {label(1), label(128), label(255)});
  svg.left_axis(middles(y), "head", layer_ticks(data.n_heads, 8), false);
  svg.bottom_axis(middles(x), layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer");
  return svg.finish();
}

}  // namespace sinkscope
