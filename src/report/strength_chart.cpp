#include "report/strength_chart.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/words.h"
#include "report/counts.h"
#include "report/words.h"

namespace sinkscope {
namespace {

struct Point {
  std::size_t document = 0;
  const CorpusSink* sink = nullptr;
};

std::vector<Point> points_of(const SinkCorpus& corpus) {
  std::vector<Point> points;
  for (std::size_t d = 0; d < corpus.documents.size(); ++d) {
    for (const CorpusSink& sink : corpus.documents[d].sinks) {
      if (sink.norm_ratio && *sink.norm_ratio > 0) points.push_back({d, &sink});
    }
  }
  return points;
}

std::string says(const Point& point, const std::string& what) {
  const CorpusSink& sink = *point.sink;
  return fmt::format("text {}, position {}{}, from layer {}: norm ratio {}, {}", point.document, sink.position,
                     sink.n_tokens > 1 ? fmt::format(" and {} more alike", sink.n_tokens - 1) : "", sink.l_start,
                     in_digits(*sink.norm_ratio), what);
}

ChartPanel panel_of(const char* title, const char* unit, bool logarithmic) {
  ChartPanel panel;
  panel.title = title;
  panel.x.title = "norm ratio, median over the sink's layers";
  panel.x.logarithmic = true;
  panel.y.title = unit;
  panel.y.logarithmic = logarithmic;
  return panel;
}

// value_of  of a sink, and what a pointer is told
template <typename ValueOf>
void add(Chart& chart, ChartPanel panel, const std::vector<Point>& points, Rule rule, const ValueOf& value_of) {
  for (const SinkKind kind : kAllKinds) {
    ChartSeries series = series_of(std::string(kind_name(kind, rule)), ChartForm::kPoints, name_of(kind));
    for (const Point& point : points) {
      if (point.sink->kind != kind) continue;
      const auto [value, told] = value_of(*point.sink);
      if (value) series.add(*point.sink->norm_ratio, value, says(point, told));
    }
    if (!series.x.empty()) panel.series.push_back(std::move(series));
  }
  if (panel.series.empty()) return;
  fit_x(panel);
  fit_y(panel);
  if (!panel.y.logarithmic) panel.y.low = 0;
  chart.panels.push_back(std::move(panel));
}

}  // namespace

Chart strength_chart(const SinkCorpus& corpus, Rule rule) {
  Chart chart;
  chart.id = std::string(kStrengthFigure);
  chart.title = "Norm, attention and lifetime";
  chart.question = "Do sinks with larger states draw more attention, and last longer?";
  std::vector<Point> points = points_of(corpus);
  if (const std::size_t n = points.size(); n > kMostPoints) {
    std::vector<Point> drawn;
    for (std::size_t i = 0; i < kMostPoints; ++i) drawn.push_back(points[i * n / kMostPoints]);
    points = std::move(drawn);
    chart.question += fmt::format(" {} of {} sinks, evenly.", grouped(static_cast<std::int64_t>(kMostPoints)),
                                  grouped(static_cast<std::int64_t>(n)));
  }
  using Value = std::pair<std::optional<double>, std::string>;
  add(chart, panel_of("Attention against an even share", "median far boost", true), points,
      rule, [](const CorpusSink& sink) {
        return sink.far_boost && *sink.far_boost > 0
                   ? Value(*sink.far_boost, fmt::format("far boost {}", in_digits(*sink.far_boost)))
                   : Value();
      });
  add(chart, panel_of("Lifetime", "layers that it lasts", false), points, rule, [](const CorpusSink& sink) {
    const int lifetime = sink.l_end - sink.l_start + 1;
    return Value(lifetime, counted(lifetime, "layer") + (sink.censored ? " or more" : ""));
  });
  return chart;
}

}  // namespace sinkscope
