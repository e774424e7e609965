#include <fmt/format.h>

#include <algorithm>

#include "base/display_text.h"
#include "base/error.h"
#include "report/figure/drawings.h"
#include "report/figure/svg.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::size_t kLivesMostRows = 24;
constexpr double kLivesRow = 24;
constexpr int kLivesNameColumns = 9;

struct Life {
  int position = 0;
  SinkKind kind = SinkKind::kPrimary;
  std::vector<LayerInterval> spans;
  bool censored = false;
  std::string says;
};

// The primary first, then the strongest sinks by position.
std::vector<Life> lives_of(const DrawnDocument& drawn) {
  std::vector<const Run*> sinks;
  for (const Run& run : drawn.detection.runs) {
    if (run.verdict == Verdict::kSink) sinks.push_back(&run);
  }
  std::ranges::stable_sort(sinks,
                           [](const Run* a, const Run* b) { return prominence_of(*a) > prominence_of(*b); });
  if (sinks.size() > kLivesMostRows) sinks.resize(kLivesMostRows);
  std::ranges::stable_sort(sinks, [](const Run* a, const Run* b) {
    return std::pair(a->position, a->l_start) < std::pair(b->position, b->l_start);
  });
  std::vector<Life> lives;
  if (const auto& primary = drawn.detection.primary) {
    lives.push_back({primary->position, SinkKind::kPrimary, primary->active_layers, false,
                     fmt::format("\u201c{}\u201d at {}, primary: born at layer {}, active in {}, norm ratio {}",
                                 drawn.token(primary->position), primary->position, primary->birth_layer,
                                 layer_ranges(primary->active_layers), in_digits(primary->norm_ratio_median))});
  }
  for (const Run* run : sinks) {
    lives.push_back(
        {run->position,
         run->kind,
         {{run->l_start, run->l_end}},
         run->censored,
         fmt::format("\u201c{}\u201d at {}, {}: {}, norm ratio {}, far boost {}{}", drawn.token(run->position),
                     run->position, drawn.kind_name(run->kind), layer_range(run->l_start, run->l_end),
                     in_digits(run->norm_ratio_median), in_digits(run->far_boost_median),
                     run->censored ? "; ends with the primary or the network, might have lasted longer" : "")});
  }
  return lives;
}

}  // namespace

std::string draw_lives(const DrawnDocument& drawn) {
  const std::vector<Life> lives = lives_of(drawn);
  if (lives.empty()) {
    throw Error(ErrorCode::kInput, "lives: expected a document with a primary or another sink, got one without");
  }
  const double width = drawn.options.width;
  const int n_layers = drawn.document.figures.n_layers;
  const Frame frame{width, 44 + static_cast<double>(lives.size()) * kLivesRow, width < 520 ? 112.0 : 168.0, 14, 4, 40};
  Svg svg(frame, theme_of(drawn.options.dark), "Layers in which each sink lasts");
  const Theme& theme = svg.theme();
  const Axis x = linear_axis(0, n_layers, frame.left, frame.width - frame.right);
  const std::vector<double> ticks = layer_ticks(n_layers, width < 520 ? 6 : 14);
  for (const double tick : ticks) {
    svg.path(fmt::format("M{},{}V{}", place(x.at(tick + 0.5)), place(frame.top), place(frame.height - frame.bottom)),
             fmt::format("stroke=\"{}\" fill=\"none\"", theme.line));
  }
  for (std::size_t i = 0; i < lives.size(); ++i) {
    const Life& life = lives[i];
    const double y = frame.top + static_cast<double>(i) * kLivesRow + kLivesRow / 2;
    svg.mark(life.kind, 10, y, 4.5);
    svg.text(24, y + 4, clip_end(drawn.token(life.position), kLivesNameColumns),
             fmt::format("font-family=\"monospace\" font-size=\"13\" fill=\"{}\"", theme.ink));
    svg.text(frame.left - 12, y + 4, grouped(life.position), "text-anchor=\"end\" font-family=\"monospace\"");
    for (const auto& [first, last] : life.spans) {
      svg.rect(x.at(first) + 1, y - 6, x.at(last + 1) - x.at(first) - 2, 12,
               fmt::format("rx=\"3\" fill=\"{}\"", theme.of(life.kind)), life.says);
      if (!life.censored) continue;
      svg.path(fmt::format("M{},{}l4,4l-4,4", place(x.at(last + 1) + 1), place(y - 4)),
               fmt::format("stroke=\"{}\" stroke-width=\"1.5\" fill=\"none\"", theme.of(life.kind)));
    }
  }
  svg.bottom_axis(middles(x), ticks, "layer");
  return svg.finish();
}

}  // namespace sinkscope
