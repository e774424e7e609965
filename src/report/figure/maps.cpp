#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/display_text.h"
#include "base/encodings.h"
#include "base/error.h"
#include "report/figure/drawings.h"
#include "report/figure/png.h"
#include "report/figure/quantities.h"
#include "report/figure/svg.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr double kMapRow = 20;
constexpr std::size_t kMapMostRows = 40;
constexpr int kMapNameColumns = 7;

[[noreturn]] void refuse(const char* figure, const Quantity& quantity) {
  throw Error(ErrorCode::kInput,
              fmt::format("{}: expected a results file that keeps {} by layer and token, got one that "
                          "does not; scan again with --keep profiles into a new file",
                          figure, quantity.id));
}

[[noreturn]] void refuse_empty(const char* figure, const Quantity& quantity) {
  throw Error(ErrorCode::kInput, fmt::format("{}: expected a text in which {} was measured, got one in which it was nowhere; "
                                             "longer texts have more queries, --quantity names others",
                                             figure, quantity.id));
}

// One pixel for each of the picture, so that nothing is lost where it is shown at its own size, and a picture that is
// scaled may be smoothed. The last layer is on top; a column that stands for several tokens shows the largest of them.
std::vector<std::uint8_t> pixels_of(const NamedMap& map, int n_layers, int n_tokens, int width, int height) {
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  const double per_column = static_cast<double>(n_tokens) / width;
  int drawn_layer = -1;
  for (int y = 0; y < height; ++y) {
    const int layer = n_layers - 1 - y * n_layers / height;
    if (layer == drawn_layer) {
      const std::vector<std::uint8_t> row(pixels.end() - width, pixels.end());
      pixels.insert(pixels.end(), row.begin(), row.end());
      continue;
    }
    drawn_layer = layer;
    const std::uint8_t* codes = map.codes.codes.data() + static_cast<std::ptrdiff_t>(layer) * n_tokens;
    for (int column = 0; column < width; ++column) {
      const int from = static_cast<int>(column * per_column);
      const int to = std::min(n_tokens, std::max(from + 1, static_cast<int>((column + 1) * per_column)));
      pixels.push_back(*std::max_element(codes + from, codes + to));
    }
  }
  return pixels;
}

}  // namespace

std::string draw_map(const DrawnDocument& drawn) {
  const Quantity& quantity = quantity_of(drawn.options, map_quantities());
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, true);
  const NamedMap* map = data.map(quantity.id);
  if (map == nullptr || data.n_tokens == 0) refuse("map", quantity);
  if (std::ranges::all_of(map->codes.codes, [](std::uint8_t code) { return code == 0; })) refuse_empty("map", quantity);
  const double width = drawn.options.width;
  const double top = key_room(width) + 20, bottom = 42;
  const Frame frame{width, std::min(440, std::max(220, data.n_layers * 12)) + top + bottom, 48, 14, top, bottom};
  Svg svg(frame, theme_of(drawn.options.dark), fmt::format("{} by layer and token", quantity.name));
  const Colours colours = colours_of(quantity, map->codes.scale, drawn.options.dark);
  const int columns = static_cast<int>(width - frame.left - frame.right);
  const int rows = static_cast<int>(frame.height - frame.top - frame.bottom);
  const std::string png = png_of(pixels_of(*map, data.n_layers, data.n_tokens, columns, rows),
                                 static_cast<std::size_t>(columns), colours.ramp);
  svg.image(frame.left, frame.top, columns, rows, base64(std::as_bytes(std::span(png))));
  const Axis x =
      linear_axis(0, data.n_tokens, frame.left, width - frame.right, std::max(3, static_cast<int>(width / 110)));
  const Axis y = linear_axis(0, data.n_layers, frame.height - frame.bottom, frame.top);
  std::vector<double> ticks = x.ticks;
  std::erase_if(ticks, [&](double tick) { return tick >= data.n_tokens || std::nearbyint(tick) != tick; });
  svg.bottom_axis(middles(x), ticks, "position of the token");
  svg.left_axis(middles(y), "layer", layer_ticks(data.n_layers, 10), false);
  for (const DrawnSink& sink : drawn_sinks(drawn.detection)) {
    svg.mark(sink.kind, x.at(sink.position + 0.5), frame.top - 10, 4,
             fmt::format("{} at {}", drawn.kind_name(sink.kind), grouped(sink.position)));
  }
  colours.add_key(svg, frame.left, quantity.name);
  return svg.finish();
}

std::string draw_rows(const DrawnDocument& drawn) {
  const Quantity& quantity = quantity_of(drawn.options, map_quantities());
  const LayerData data = layer_data(*drawn.scan.file, drawn.document, drawn.detection, true);
  const NamedFigures* figures = data.row(quantity.id);
  if (figures == nullptr) refuse("rows", quantity);
  std::vector<DrawnSink> sinks = drawn_sinks(drawn.detection);
  if (sinks.empty()) throw Error(ErrorCode::kInput, "rows: expected a document with a primary or another sink, got one without");
  if (std::ranges::none_of(figures->values, [](float value) { return std::isfinite(value); })) refuse_empty("rows", quantity);
  std::ranges::stable_sort(sinks, [](const DrawnSink& a, const DrawnSink& b) {
    const bool first = a.kind == SinkKind::kPrimary, second = b.kind == SinkKind::kPrimary;
    return first != second ? first : a.prominence > b.prominence;
  });
  if (sinks.size() > kMapMostRows) sinks.resize(kMapMostRows);
  const double width = drawn.options.width;
  const double top = key_room(width) + 2;
  const Frame frame{width, static_cast<double>(sinks.size()) * kMapRow + top + 42, width < 520 ? 104.0 : 150.0, 14, top,
                    40};
  Svg svg(frame, theme_of(drawn.options.dark), fmt::format("{} of the primary and the sinks by layer", quantity.name));
  const NamedMap* map = data.map(quantity.id);
  const Scale scale = map != nullptr ? map->codes.scale : scale_of(figures->values, quantity);
  const Colours colours = colours_of(quantity, scale, drawn.options.dark);
  const Axis x = linear_axis(0, data.n_layers, frame.left, width - frame.right);
  const double cell = x.at(1) - x.at(0);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const DrawnSink& sink = sinks[i];
    const double y = frame.top + static_cast<double>(i) * kMapRow;
    const std::string name = clip_end(drawn.token(sink.position), kMapNameColumns);
    svg.mark(sink.kind, 8, y + kMapRow / 2, 4);
    svg.text(20, y + 14, name, fmt::format("font-family=\"monospace\" font-size=\"13\" fill=\"{}\"", svg.theme().ink));
    svg.text(frame.left - 8, y + 14, grouped(sink.position), "text-anchor=\"end\" font-family=\"monospace\"");
    const auto row = std::ranges::lower_bound(data.positions, sink.position) - data.positions.begin();
    for (int layer = 0; layer < data.n_layers; ++layer) {
      const float value = figures->values.at(static_cast<std::size_t>(row * data.n_layers + layer));
      svg.rect(x.at(layer) + 0.5, y + 1, std::max(1.0, cell - 1), kMapRow - 2,
               "rx=\"2\" " + colours.fill(value, svg.theme()),
               fmt::format("\u201c{}\u201d at {}, {}, layer {}: {}", name, grouped(sink.position),
                           drawn.kind_name(sink.kind), layer, reading(quantity, value)));
    }
  }
  svg.bottom_axis(middles(x), layer_ticks(data.n_layers, width < 520 ? 6 : 14), "layer");
  colours.add_key(svg, 20, quantity.name);
  return svg.finish();
}

}  // namespace sinkscope
