#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <ranges>

#include "report/figure/drawings.h"
#include "report/figure/svg.h"

namespace sinkscope {
namespace {

// As in web/src/draw/chart.ts.
constexpr double kChartPanelHeight = 320, kChartLeft = 62, kChartRight = 14, kChartBottom = 44;
constexpr double kTextRow = 16, kChartLegendRow = 20, kChartBarShare = 0.8;
constexpr double kLetter = 7, kNameLetter = 5.5, kTilt = 35;  // widths in pixels, degrees

// What is too wide for its panel, in several lines.
std::vector<std::string> wrapped(std::string_view text, double width) {
  std::vector<std::string> lines;
  for (const auto part : std::views::split(text, ' ')) {
    const std::string_view word(part.begin(), part.end());
    if (word.empty()) continue;
    if (!lines.empty() && kLetter * static_cast<double>(lines.back().size() + 1 + word.size()) <= width) {
      lines.back() += fmt::format(" {}", word);
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

// How much deeper than one line names under an axis reach: 0 where each has room, else they are tilted.
double name_depth(const std::vector<std::string>& names, double slot) {
  std::size_t longest = 0;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  const double widest = kNameLetter * static_cast<double>(longest);
  return widest <= slot ? 0 : widest * std::sin(kTilt * std::numbers::pi / 180);
}

class PanelDrawing {
 public:
  PanelDrawing(Svg& svg, const ChartPanel& panel, double width, double top)
      : svg_(svg), panel_(panel), width_(width), top_(top) {}

  void draw() {
    const double legend_end = legend(title() + 12);
    x_ = axis(panel_.x, kChartLeft, width_ - kChartRight, width_ < 520 ? 4 : 8);
    depth_ = name_depth(panel_.x.names, std::abs(x_.at(1) - x_.at(0)));
    const Frame frame{width_, top_ + kChartPanelHeight, kChartLeft, kChartRight, legend_end, kChartBottom + depth_};
    svg_.use_frame(frame);
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
    svg_.bottom_axis(x_, {}, panel_.x.title, depth_);
    for (std::size_t i = 0; i < panel_.x.names.size(); ++i) {
      const double at = x_.at(static_cast<double>(i)), under = top_ + kChartPanelHeight - kChartBottom - depth_ + 16;
      svg_.text(at, under, panel_.x.names[i],
                depth_ > 0 ? fmt::format("text-anchor=\"end\" font-size=\"10\" transform=\"rotate({} {} {})\"", -kTilt,
                                         place(at), place(under))
                           : "text-anchor=\"middle\" font-size=\"10\"");
    }
  }

  // returns  where its last line ends
  double title() {
    const auto lines = wrapped(panel_.title, width_ - kChartLeft - kChartRight);
    const std::string style = fmt::format("font-weight=\"600\" fill=\"{}\"", svg_.theme().ink);
    double y = top_ + 14;
    for (const std::string& line : lines) {
      svg_.text(kChartLeft, y, line, style);
      y += kTextRow;
    }
    return lines.empty() ? top_ : y - 8;
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
      const auto lines = wrapped(series.name, width_ - kChartLeft - 22);
      const double room = 40 + kLetter * static_cast<double>(std::ranges::max(lines, {}, &std::string::size).size());
      if (x + room > width_ && x > kChartLeft) {
        x = kChartLeft;
        y += kChartLegendRow;
      }
      if (series.form == ChartForm::kLine) {
        svg_.path(fmt::format("M{},{}H{}", place(x), place(y), place(x + 16)), line_style(series));
      } else {
        svg_.ellipse(x + 8, y, 4, 4, fmt::format("fill=\"{}\"", colour(series)));
      }
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i > 0) y += kTextRow;
        svg_.text(x + 22, y + 4, lines[i], fmt::format("fill=\"{}\"", svg_.theme().ink));
      }
      x += room;
    }
    return y + (any ? 14 : -6);
  }

  Svg& svg_;
  const ChartPanel& panel_;
  double width_, top_, depth_ = 0;
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
