#include "report/writes_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/statistics.h"
#include "base/words.h"
#include "report/counts.h"
#include "report/drawn_sinks.h"
#include "report/words.h"

namespace sinkscope {
namespace {

std::optional<double> measured(float value) {
  return std::isnan(value) ? std::nullopt : std::optional(static_cast<double>(value));
}

// Of each row the kind that its position is drawn as.
std::vector<SinkKind> kinds_of(const LayerData& data, const Detection& detection) {
  const std::vector<DrawnSink> sinks = drawn_sinks(detection);
  std::vector<SinkKind> kinds;
  for (const int position : data.positions) {
    kinds.push_back(std::ranges::lower_bound(sinks, position, {}, &DrawnSink::position)->kind);
  }
  return kinds;
}

// Of all other tokens: the middle, and between 5 and 95 %.
void add_others(ChartPanel& panel, const LayerData& data, std::string_view quantity) {
  const NamedFigures* quantiles = data.quantile(quantity);
  if (quantiles == nullptr) return;
  ChartSeries band = series_of("other tokens, 5 to 95 %", ChartForm::kBand, kOtherRole);
  ChartSeries middle = series_of("their median", ChartForm::kLine, kOtherRole);
  const auto n_layers = static_cast<std::size_t>(data.n_layers);
  for (std::size_t l = 0; l < n_layers; ++l) {
    const auto quantile = [&](std::size_t q) { return measured(quantiles->values[q * n_layers + l]); };
    band.add_band(static_cast<double>(l), quantile(0), quantile(kQuantiles.size() - 1));
    middle.add(static_cast<double>(l), quantile(kQuantiles.size() / 2));
  }
  panel.series.push_back(std::move(band));
  panel.series.push_back(std::move(middle));
}

void add_kind(ChartPanel& panel, const LayerData& data, const NamedFigures& rows, const std::vector<SinkKind>& kinds,
              SinkKind kind, Rule rule) {
  const auto n = std::ranges::count(kinds, kind);
  if (n == 0) return;
  const auto n_layers = static_cast<std::size_t>(data.n_layers);
  ChartSeries line = series_of(n == 1 ? std::string(kind_name(kind, rule))
                                      : fmt::format("{}: median of {}", kind_name(kind, rule), n),
                               ChartForm::kLine, name_of(kind));
  bool any = false;
  for (std::size_t l = 0; l < n_layers; ++l) {
    std::vector<float> at;
    for (std::size_t row = 0; row < kinds.size(); ++row) {
      const float value = rows.values[row * n_layers + l];
      if (kinds[row] == kind && !std::isnan(value)) at.push_back(value);
    }
    any = any || !at.empty();
    line.add(static_cast<double>(l), at.empty() ? std::nullopt : std::optional<double>(median_of(std::span(at))));
  }
  if (any) panel.series.push_back(std::move(line));
}

}  // namespace

Chart writes_chart(const LayerData& data, const Detection& detection, Rule rule) {
  struct Panel {
    std::string_view quantity;
    const char *title, *unit;
    bool logarithmic;
  };
  constexpr Panel kPanels[] = {{"mlp_write_norm", "Norm of what the MLP adds", "norm", true},
                               {"mlp_write_alignment", "Its cosine with the primary's state", "cosine", false}};
  Chart chart;
  chart.id = std::string(kWritesFigure);
  chart.title = "What the MLPs write";
  chart.question = "In which layers do MLPs add far more to the primary and the sinks than to other tokens, and along the primary's state?";
  const std::vector<SinkKind> kinds = kinds_of(data, detection);
  for (const Panel& of : kPanels) {
    const NamedFigures* rows = data.row(of.quantity);
    if (rows == nullptr) continue;
    ChartPanel panel = layer_panel(of.title, of.unit, data.n_layers);
    panel.y.logarithmic = of.logarithmic;
    add_others(panel, data, of.quantity);
    const std::size_t n_others = panel.series.size();
    for (const SinkKind kind : kAllKinds) add_kind(panel, data, *rows, kinds, kind, rule);
    if (panel.series.size() == n_others) continue;
    fit_y(panel);
    chart.panels.push_back(std::move(panel));
  }
  return chart;
}

}  // namespace sinkscope
