#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "report/figure/drawings.h"
#include "report/figure/svg.h"
#include "report/findings.h"
#include "report/words.h"

namespace sinkscope {
namespace {

struct Cell {
  std::int64_t n = 0, censored = 0;
};
using Cells = std::map<std::pair<int, int>, Cell>;  // by first layer and lifetime

Cells cells_of(const SinkCorpus& corpus) {
  Cells cells;
  for (const CorpusDocument& document : corpus.documents) {
    for (const CorpusSink& sink : document.sinks) {
      Cell& cell = cells[{sink.l_start, sink.l_end - sink.l_start + 1}];
      ++cell.n;
      cell.censored += sink.censored ? 1 : 0;
    }
  }
  return cells;
}

std::vector<double> above_zero(std::vector<double> ticks) {
  std::erase(ticks, 0);
  return ticks;
}

}  // namespace

std::string draw_levels(const NamedScan& scan, const FigureOptions& options) {
  const SinkCorpus corpus = corpus_of(*scan.file, options.report);
  const Cells cells = cells_of(corpus);
  if (cells.empty()) throw Error(ErrorCode::kInput, "levels: expected sinks beside the primary, got none");
  const LevelReport report = find_levels(corpus, options.levels);
  const int n_layers = scan.file->model().facts.n_layers;
  const double width = options.width;
  const Frame frame{width, std::min(480.0, std::max(260.0, width * 0.62)), 52, 14, 10, 42};
  Svg svg(frame, theme_of(options.dark), "Sinks by first layer and lifetime");
  const Theme& theme = svg.theme();
  const Axis x = linear_axis(-0.5, n_layers - 0.5, frame.left, frame.width - frame.right);
  const Axis y = linear_axis(0.5, n_layers + 0.5, frame.height - frame.bottom, frame.top);
  const std::vector<double> ticks = layer_ticks(n_layers, width < 420 ? 6 : 12);
  svg.left_axis(y, "layers it lasts", above_zero(ticks), true);
  svg.bottom_axis(x, ticks, "first layer");
  svg.path(
      fmt::format("M{},{}L{},{}", place(x.at(0)), place(y.at(n_layers)), place(x.at(n_layers - 1)), place(y.at(1))),
      fmt::format("stroke=\"{}\" stroke-dasharray=\"4 4\" fill=\"none\"", theme.muted));
  const double w = std::max(3.0, std::fabs(x.at(1) - x.at(0)) - 1), h = std::max(3.0, std::fabs(y.at(1) - y.at(2)) - 1);
  std::int64_t most = 1;
  for (const auto& [at, cell] : cells) most = std::max(most, cell.n);
  const Ramp ramp = colour_ramp(false, options.dark, 1);
  for (const auto& [at, cell] : cells) {
    const auto& [first, lifetime] = at;
    const double part = most > 1 ? std::log(static_cast<double>(cell.n)) / std::log(static_cast<double>(most)) : 1;
    const auto code = static_cast<std::size_t>(std::lround(70 + 185 * part));
    std::string says =
        fmt::format("First layer {}, lasting {}: {}", first, counted(lifetime, "layer"), counted(cell.n, "sink"));
    if (cell.censored > 0) {
      says += fmt::format(", {} of them to the primary's or the network's end", grouped(cell.censored));
    }
    svg.rect(x.at(first) - w / 2, y.at(lifetime) - h / 2, w, h,
             fmt::format("rx=\"2\" fill=\"{}\"", css_colour(ramp[code])), says);
    if (w > 16 && h > 11 && cell.n > 1) {
      svg.text(x.at(first), y.at(lifetime) + 4, std::to_string(cell.n),
               fmt::format("text-anchor=\"middle\" font-size=\"11\" fill=\"{}\"",
                           (code > 150) == options.dark ? "#14181d" : "#fff"));
    }
  }
  svg.text(width - frame.right, frame.top + 12,
           most > 1 ? fmt::format("a cell: 1 to {}", counted(most, "sink")) : std::string("a cell: 1 sink"),
           "text-anchor=\"end\"");
  for (const Level& level : report.levels) {
    const int lifetime = level.l_end - level.l_start + 1;
    svg.ellipse(x.at(level.l_start), y.at(lifetime), w * (0.9 + level.start_jitter), h * (0.9 + level.end_jitter),
                fmt::format("fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}", theme.of(SinkKind::kSecondary),
                            level.tentative ? " stroke-dasharray=\"4 3\"" : ""));
  }
  return svg.finish();
}

}  // namespace sinkscope
