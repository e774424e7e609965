#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace sinkscope {
namespace {

// Bounds of what was seen; of a logarithmic axis positive values only.
class Bounds {
 public:
  explicit Bounds(bool logarithmic) : logarithmic_(logarithmic) {}
  void see(const std::optional<double>& value) {
    if (!value || (logarithmic_ && !(*value > 0))) return;
    low_ = any_ ? std::min(low_, *value) : *value;
    high_ = any_ ? std::max(high_, *value) : *value;
    any_ = true;
  }
  void apply(ChartAxis& axis) const {
    if (logarithmic_) {
      axis.low = (any_ ? low_ : 1) / 1.15;
      axis.high = (any_ ? high_ : 10) * 1.15;
      return;
    }
    const double low = any_ ? low_ : 0, high = any_ ? high_ : 1;
    const double margin = high > low ? 0.04 * (high - low) : 0.5;
    axis.low = low == 0 ? 0 : low - margin;
    axis.high = high == 0 && low < 0 ? 0 : high + margin;
  }

 private:
  bool logarithmic_;
  bool any_ = false;
  double low_ = 0, high_ = 0;
};

}  // namespace

std::string_view name_of(ChartForm form) {
  switch (form) {
    case ChartForm::kLine:
      return "line";
    case ChartForm::kBand:
      return "band";
    case ChartForm::kPoints:
      return "points";
    case ChartForm::kBars:
      return "bars";
  }
  throw Error(ErrorCode::kInternal, "chart: unknown form");
}

ChartSeries series_of(std::string name, ChartForm form, std::string_view role) {
  return {std::move(name), form, role, {}, {}, {}, {}};
}

ChartPanel layer_panel(std::string title, std::string y_title, int n_layers, std::string x_title) {
  ChartPanel panel;
  panel.title = std::move(title);
  panel.x = {std::move(x_title), -0.5, n_layers - 0.5, false, n_layers, {}};
  panel.y.title = std::move(y_title);
  return panel;
}

ChartPanel named_panel(std::string title, std::string y_title, std::vector<std::string> names) {
  ChartPanel panel;
  panel.title = std::move(title);
  panel.x = {"", -0.5, static_cast<double>(names.size()) - 0.5, false, 0, std::move(names)};
  panel.y.title = std::move(y_title);
  return panel;
}

void ChartSeries::add(double at, std::optional<double> value, std::string text) {
  x.push_back(at);
  y.push_back(value);
  if (!text.empty()) says.push_back(std::move(text));
}

void ChartSeries::add_band(double at, std::optional<double> lower, std::optional<double> upper) {
  x.push_back(at);
  low.push_back(lower);
  y.push_back(upper);
}

void fit_y(ChartPanel& panel) {
  Bounds bounds(panel.y.logarithmic);
  for (const ChartSeries& series : panel.series) {
    if (series.form == ChartForm::kBars) bounds.see(0);
    for (const auto& value : series.y) bounds.see(value);
    for (const auto& value : series.low) bounds.see(value);
  }
  bounds.apply(panel.y);
}

void fit_x(ChartPanel& panel) {
  Bounds bounds(panel.x.logarithmic);
  for (const ChartSeries& series : panel.series) {
    for (const double value : series.x) bounds.see(value);
  }
  bounds.apply(panel.x);
}

}  // namespace sinkscope
