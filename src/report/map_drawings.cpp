#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "base/words.h"
#include "report/explain_drawings.h"
#include "report/words.h"

namespace sinkscope {
namespace {

std::string map_name(const LayerMap& map) { return fmt::format("MLP {}, {}", map.layer, kind_name(map.kind)); }

// What a scale is of the median norm R of ordinary inputs.
std::string scale_name(double scale, double typical) {
  const std::string sign = scale < 0 ? "-" : "";
  const double size = std::abs(scale);
  if (size == 1) return sign + "1";
  if (size == typical) return sign + "R";
  return size > typical ? fmt::format("{}{:.0f}R", sign, size / typical)
                        : fmt::format("{}R/{:.0f}", sign, typical / size);
}

// A figure of every direction at each scale, and of directions of chance at 1 and R.
template <typename OfDirection>
ChartPanel scales_panel(const LayerMap& map, const std::string& title, const std::string& y_title, bool logarithmic,
                        const OfDirection& of_direction, std::optional<double> NullDirections::* of_chance) {
  std::vector<std::string> names;
  for (const double scale : map.scales) names.push_back(scale_name(scale, map.input_norm_median));
  ChartPanel panel = named_panel(title, y_title, std::move(names));
  panel.y.logarithmic = logarithmic;
  ChartSeries directions =
      series_of(counted(std::ssize(map.directions), "direction"), ChartForm::kPoints, name_of(map.kind));
  ChartSeries first = series_of("the first of them", ChartForm::kLine, name_of(map.kind));
  for (std::size_t k = 0; k < map.directions.size(); ++k) {
    for (std::size_t s = 0; s < map.scales.size(); ++s) {
      const std::optional<double> value = of_direction(map.directions[k], s);
      if (k == 0) first.add(static_cast<double>(s), value);
      if (value) {
        directions.add(static_cast<double>(s), value,
                       fmt::format("component {} at {}: {}", k + 1, panel.x.names[s], in_digits(value)));
      }
    }
  }
  ChartSeries chance = series_of("chance, median", ChartForm::kPoints, kOtherRole);
  for (std::size_t s = 0; s < map.scales.size(); ++s) {
    const double size = std::abs(map.scales[s]);
    if (size != 1 && size != map.input_norm_median) continue;
    const NullDirections& null = size == 1 ? map.isotropic_unit : map.isotropic_typical;
    if (const auto value = null.*of_chance) {
      chance.add(static_cast<double>(s), value,
                 fmt::format("isotropic directions at {}: {}", panel.x.names[s], in_digits(value)));
    }
  }
  panel.series = {std::move(directions), std::move(first), std::move(chance)};
  fit_y(panel);
  return panel;
}

ChartPanel path_panel(const LayerMap& map) {
  ChartPanel panel;
  panel.title = "From like tokens to sinks, " + map_name(map);
  panel.x.title = "lambda, from like tokens (0) to sinks (1)";
  panel.y.title = "norm ratio, height";
  ChartSeries norm = series_of("norm ratio", ChartForm::kLine, kOtherRole);
  ChartSeries height = series_of("height along the axis", ChartForm::kLine, name_of(map.kind));
  for (std::size_t i = 0; i < map.path.lambda.size(); ++i) {
    const double ratio = map.path.norm_ratio[i];
    norm.add(map.path.lambda[i], ratio);
    height.add(map.path.lambda[i], map.path.cos[i] ? std::optional(ratio * *map.path.cos[i]) : std::nullopt);
  }
  panel.series = {std::move(norm), std::move(height)};
  fit_x(panel);
  fit_y(panel);
  return panel;
}

std::optional<ChartPanel> projection_panel(const LayerMap& map) {
  if (map.sink_projections.cols() < 2) return std::nullopt;
  ChartPanel panel;
  panel.title = "Inputs on their first two components, " + map_name(map);
  panel.x.title = "component 1";
  panel.y.title = "component 2";
  const auto add = [&](const Matrix<float>& rows, const std::string& name, std::string_view role) {
    ChartSeries points = series_of(name, ChartForm::kPoints, role);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      points.add(static_cast<double>(rows(i, 0)), static_cast<double>(rows(i, 1)));
    }
    panel.series.push_back(std::move(points));
  };
  add(map.control_projections, "like tokens", kOtherRole);
  add(map.sink_projections, "sinks", name_of(map.kind));
  fit_x(panel);
  fit_y(panel);
  return panel;
}

std::optional<ChartPanel> auc_panel(const Explanation& explanation, SinkKind kind, int n_layers) {
  struct Row {
    const char* name;
    std::string_view role;
    Discrimination MapDecision::* member;
  };
  constexpr Row kRows[] = {{"state", "primary", &MapDecision::state},
                           {"attention write", "primary_like", &MapDecision::attention_write},
                           {"MLP input", "unaligned", &MapDecision::mlp_input},
                           {"MLP write", "secondary", &MapDecision::mlp_write}};
  ChartPanel panel = layer_panel(fmt::format("Told from like tokens, {}", kind_name(kind)), "AUC", n_layers);
  ChartSeries null = series_of("labels exchanged, 95 %", ChartForm::kPoints, kOtherRole);
  bool any = false;
  for (const Row& row : kRows) {
    ChartSeries points = series_of(row.name, ChartForm::kPoints, row.role);
    for (const LayerMap& map : explanation.maps) {
      const Discrimination& found = map.decision.*row.member;
      if (map.kind != kind || !found.auc) continue;
      any = true;
      points.add(map.layer, found.auc, fmt::format("layer {}, {}: {}", map.layer, row.name, in_digits(found.auc)));
      if (found.null_p95) null.add(map.layer, found.null_p95);
    }
    panel.series.push_back(std::move(points));
  }
  if (!any) return std::nullopt;
  panel.series.push_back(std::move(null));
  fit_y(panel);
  return panel;
}

}  // namespace

void draw_mlp_map(Chart& chart, const Explanation& explanation) {
  chart.title = "An MLP as a map";
  chart.question = "Are the main directions of the sinks' inputs mapped onto the axis, and other directions not?";
  for (const SinkKind kind : kExplainedKinds) {
    const LayerMap* map = main_map(explanation.maps, kind);
    if (map == nullptr) continue;
    const std::string name = map_name(*map);
    chart.panels.push_back(scales_panel(
        *map, "Cosine of the write with the axis by the input's norm, " + name, "cosine", false,
        [](const MappedDirection& one, std::size_t s) { return one.cos[s]; }, &NullDirections::cos_p50));
    chart.panels.push_back(scales_panel(
        *map, "Norm of the write by the input's norm, " + name, "ordinary norms", true,
        [](const MappedDirection& one, std::size_t s) { return std::optional(one.norm_ratio[s]); },
        &NullDirections::norm_ratio_p50));
    chart.panels.push_back(path_panel(*map));
  }
}

void draw_decision(Chart& chart, const Explanation& explanation, int n_layers) {
  chart.title = "What tells sinks from like tokens";
  chart.question = "From which write on does a direction that other texts share tell a sink from a like token?";
  for (const SinkKind kind : kExplainedKinds) {
    const LayerMap* map = main_map(explanation.maps, kind);
    if (map == nullptr) continue;
    if (auto panel = projection_panel(*map)) chart.panels.push_back(std::move(*panel));
    if (auto panel = auc_panel(explanation, kind, n_layers)) chart.panels.push_back(std::move(*panel));
  }
}

}  // namespace sinkscope
