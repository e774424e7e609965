#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/figure/drawings.h"
#include "report/figure/svg.h"

namespace sinkscope {
namespace {

// As in web/src/draw/chart.ts.
constexpr double kChartPanelHeight = 320, kChartLeft = 62, kChartRight = 14, kChartBottom = 44;
constexpr double kChartTitleRoom = 22, kChartLegendRow = 20, kChartBarShare = 0.8;

class PanelDrawing {
 public:
  PanelDrawing(Svg& svg, const ChartPanel& panel, double width, double top)
      : svg_(svg), panel_(panel), width_(width), top_(top) {}

  void draw() {
    svg_.text(kChartLeft, top_ + 14, panel_.title, fmt::format("font-weight=\"600\" fill=\"{}\"", svg_.theme().ink));
    const double legend_end = legend(top_ + (panel_.title.empty() ? 0 : kChartTitleRoom) + 12);
    const Frame frame{width_, top_ + kChartPanelHeight, kChartLeft, kChartRight, legend_end, kChartBottom};
    svg_.use_frame(frame);
    x_ = axis(panel_.x, frame.left, frame.width - frame.right, width_ < 520 ? 4 : 8);
    y_ = axis(panel_.y, frame.height - frame.bottom, frame.top, 5);
    svg_.left_axis(y_, panel_.y.title, y_.ticks, true);
    bottom_axis();
    const auto n_bars = std::ranges::count(panel_.series, ChartForm::kBars, &ChartSeries::form);
    std::int64_t bar = 0;
    for (const ChartSeries& series : panel_.series) {
      switch (series.form) {
        case ChartForm::kLine:
          line(series);
          break;
        case ChartForm::kBand:
          band(series);
          break;
        case ChartForm::kPoints:
          points(series);
          break;
        case ChartForm::kBars:
          bars(series, bar++, n_bars);
          break;
      }
    }
  }

 private:
  static Axis axis(const ChartAxis& axis, double from, double to, int n_ticks) {
    return axis.logarithmic ? logarithmic_axis(axis.low, axis.high, from, to)
                            : linear_axis(axis.low, axis.high, from, to, n_ticks);
  }

  void bottom_axis() {
    if (panel_.x.names.empty()) {
      const auto ticks = panel_.x.n_layers > 0 ? layer_ticks(panel_.x.n_layers, width_ < 520 ? 6 : 14) : x_.ticks;
      svg_.bottom_axis(x_, ticks, panel_.x.title);
      return;
    }
    svg_.bottom_axis(x_, {}, panel_.x.title);
    for (std::size_t i = 0; i < panel_.x.names.size(); ++i) {
      svg_.text(x_.at(static_cast<double>(i)), top_ + kChartPanelHeight - kChartBottom + 16, panel_.x.names[i],
                "text-anchor=\"middle\" font-size=\"10\"");
    }
  }

  std::string colour(const ChartSeries& series) const {
    for (const SinkKind kind :
         {SinkKind::kPrimary, SinkKind::kPrimaryLike, SinkKind::kSecondary, SinkKind::kUnaligned}) {
      if (series.role == name_of(kind)) return std::string(svg_.theme().of(kind));
    }
    return std::string(svg_.theme().muted);
  }

  std::optional<std::pair<double, double>> at(const ChartSeries& series, std::size_t i,
                                              const std::vector<std::optional<double>>& values) const {
    if (!values[i] || (panel_.y.logarithmic && !(*values[i] > 0))) return std::nullopt;
    return std::pair(x_.at(series.x[i]), y_.at(*values[i]));
  }

  void line(const ChartSeries& series) {
    std::string path;
    bool pen = false;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const auto place = at(series, i, series.y);
      if (place) path += fmt::format("{}{:.1f},{:.1f}", pen ? "L" : "M", place->first, place->second);
      pen = place.has_value();
    }
    svg_.path(path, line_style(series));
  }

  std::string line_style(const ChartSeries& series) const {
    return fmt::format("fill=\"none\" stroke-linejoin=\"round\" stroke=\"{}\" stroke-width=\"2\"", colour(series));
  }

  static double opacity_of(const ChartSeries& series) {
    if (series.role == kLearnedRole) return 0.5;
    return series.name.empty() || series.role == kOtherRole ? 0.22 : 0.75;
  }

  void band(const ChartSeries& series) {
    std::string up, down;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const auto high = at(series, i, series.y), low = at(series, i, series.low);
      if (!high || !low) continue;
      up += fmt::format("{}{:.1f},{:.1f}", up.empty() ? "M" : "L", high->first, high->second);
      down = fmt::format("L{:.1f},{:.1f}", low->first, low->second) + down;
    }
    if (!up.empty()) {
      // A band with a name is a part of a stack; without one it goes with a line.
      const std::string fill = series.name.empty() ? std::string(svg_.theme().muted) : colour(series);
      svg_.path(up + down + "Z", fmt::format("fill=\"{}\" fill-opacity=\"{}\"", fill, opacity_of(series)));
    }
  }

  void points(const ChartSeries& series) {
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const auto place = at(series, i, series.y);
      if (!place) continue;
      svg_.ellipse(place->first, place->second, 3.5, 3.5, fmt::format("fill=\"{}\" opacity=\"0.7\"", colour(series)));
    }
  }

  void bars(const ChartSeries& series, std::int64_t number, std::int64_t n_bars) {
    const double width = std::abs(x_.at(1) - x_.at(0)) * kChartBarShare / static_cast<double>(n_bars);
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const auto place = at(series, i, series.y);
      if (!place) continue;
      const double left = place->first + width * (static_cast<double>(number) - static_cast<double>(n_bars) / 2);
      const double zero = y_.at(0);
      svg_.rect(left, std::min(zero, place->second), width, std::abs(zero - place->second),
                fmt::format("fill=\"{}\"", colour(series)), series.says.empty() ? "" : series.says[i]);
    }
  }

  // returns  where the plot begins
  double legend(double y) {
    double x = kChartLeft;
    bool any = false;
    for (const ChartSeries& series : panel_.series) {
      if (series.name.empty()) continue;
      any = true;
      const double room = 40 + 7 * static_cast<double>(series.name.size());
      if (x + room > width_ && x > kChartLeft) {
        x = kChartLeft;
        y += kChartLegendRow;
      }
      if (series.form == ChartForm::kLine) {
        svg_.path(fmt::format("M{},{}H{}", place(x), place(y), place(x + 16)), line_style(series));
      } else {
        svg_.ellipse(x + 8, y, 4, 4, fmt::format("fill=\"{}\"", colour(series)));
      }
      svg_.text(x + 22, y + 4, series.name, fmt::format("fill=\"{}\"", svg_.theme().ink));
      x += room;
    }
    return y + (any ? 14 : -6);
  }

  Svg& svg_;
  const ChartPanel& panel_;
  double width_, top_;
  Axis x_, y_;
};

}  // namespace

std::string draw_chart(const Chart& chart, double width, bool dark) {
  const Frame all{width, kChartPanelHeight * static_cast<double>(chart.panels.size()), kChartLeft, kChartRight, 0, 0};
  Svg svg(all, theme_of(dark), chart.title);
  double top = 0;
  for (const ChartPanel& panel : chart.panels) {
    PanelDrawing(svg, panel, width, top).draw();
    top += kChartPanelHeight;
  }
  svg.use_frame(all);
  return svg.finish();
}

}  // namespace sinkscope
