#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "base/words.h"
#include "formation/norm_profiles.h"
#include "report/explain_drawings.h"
#include "report/words.h"

namespace sinkscope {
namespace {

// Colours of thirds and levels: those of kinds, which do not stand for kinds there.
constexpr std::string_view kRoles[] = {"primary_like", "primary", "secondary", "unaligned"};
constexpr int kFitPoints = 60;

SinkKind explained_kind(const std::string& name) {
  return name == name_of(SinkKind::kSecondary) ? SinkKind::kSecondary : SinkKind::kPrimaryLike;
}

// Where sinks of a kind stand by norm ratio.
ChartSeries scatter(std::span<const NormCase> cases, const std::string& kind, bool gap) {
  ChartSeries points =
      series_of(fmt::format("{} ({})", kind_name(explained_kind(kind)), counted(std::ssize(cases), "run")),
                ChartForm::kPoints, name_of(explained_kind(kind)));
  for (const NormCase& one : cases) {
    const std::optional<double> value = gap ? std::optional(one.gap) : one.far_score;
    if (!value) continue;
    const double ratio = std::exp(one.log_norm_ratio);
    points.add(ratio, value,
               fmt::format("text {}, position {}, layer {}: norm ratio {}, {} {}", one.sequence, one.position,
                           one.l_start, in_digits(ratio), gap ? "gap" : "score", in_digits(value)));
  }
  return points;
}

// a + b / norm ratio
std::optional<ChartSeries> fit_of(const NormFigures& figures, std::span<const NormCase> cases) {
  if (!figures.gap_at_infinity || cases.empty()) return std::nullopt;
  const auto [low, high] = std::ranges::minmax(cases, {}, &NormCase::log_norm_ratio);
  ChartSeries line =
      series_of(fmt::format("{} {} {} / norm ratio", in_digits(figures.gap_at_infinity),
                            *figures.slope_inverse < 0 ? "-" : "+", in_digits(std::abs(*figures.slope_inverse))),
                ChartForm::kLine, name_of(explained_kind(figures.kind)));
  for (int i = 0; i <= kFitPoints; ++i) {
    const double x = std::exp(std::lerp(low.log_norm_ratio, high.log_norm_ratio, i / static_cast<double>(kFitPoints)));
    line.add(x, *figures.gap_at_infinity + *figures.slope_inverse / x);
  }
  return line;
}

ChartPanel by_norm(const Explanation& explanation, bool gap) {
  ChartPanel panel;
  panel.title = gap ? "Logit gap to the primary" : "Far score";
  panel.x.title = "norm ratio at the first layer";
  panel.x.logarithmic = true;
  panel.y.title = gap ? "nats" : "probability";
  for (std::size_t i = 0; i < explanation.norm.size(); ++i) {
    const auto& cases = explanation.norm_cases[i];
    if (cases.empty()) continue;
    ChartSeries points = scatter(cases, explanation.norm[i].kind, gap);
    if (points.x.empty()) continue;
    panel.series.push_back(std::move(points));
    if (!gap) continue;
    if (auto fit = fit_of(explanation.norm[i], cases)) panel.series.push_back(std::move(*fit));
  }
  fit_x(panel);
  fit_y(panel);
  return panel;
}

// Kaplan and Meier's steps, as a line.
ChartSeries steps_of(const SurvivalGroup& group, std::string_view role) {
  ChartSeries line = series_of(fmt::format("norm ratio {} to {} ({}, {} seen to end)", in_digits(group.norm_ratio_min),
                                           in_digits(group.norm_ratio_max), counted(group.n, "sink"), group.ended),
                               ChartForm::kLine, role);
  double survival = 1;
  line.add(0, survival);
  for (const SurvivalStep& step : group.steps) {
    line.add(step.time, survival);
    if (step.survival != survival) line.add(step.time, step.survival);
    survival = step.survival;
  }
  return line;
}

void add_quantiles(ChartPanel& panel, const std::string& name, std::string_view role, const LayerFigures& middle,
                   const LayerFigures* low, const LayerFigures* high) {
  const auto value = [](const std::optional<float>& figure) {
    return figure ? std::optional(static_cast<double>(*figure)) : std::nullopt;
  };
  if (low != nullptr) {
    ChartSeries band = series_of("", ChartForm::kBand, role);
    for (std::size_t l = 0; l < low->size(); ++l) {
      band.add_band(static_cast<double>(l), value((*low)[l]), value((*high)[l]));
    }
    panel.series.push_back(std::move(band));
  }
  ChartSeries line = series_of(name, ChartForm::kLine, role);
  for (std::size_t l = 0; l < middle.size(); ++l) {
    line.add(static_cast<double>(l), value(middle[l]), fmt::format("block {}: {}", l, in_digits(value(middle[l]))));
  }
  panel.series.push_back(std::move(line));
}

// Quantiles of a figure of the primary over texts without secondary sinks.
ChartPanel primary_panel(const Explanation& explanation, int n_layers, const std::string& title,
                         const std::string& unit, LayerFigures PrimaryExplanation::* figure) {
  LayerFigures middle(index(n_layers)), low = middle, high = middle;
  for (std::size_t block = 0; block < middle.size(); ++block) {
    std::vector<float> values;
    for (const SequenceExplanation& sequence : explanation.sequences) {
      const bool secondary = std::ranges::any_of(
          sequence.runs, [](const RunExplanation& run) { return run.run.kind == SinkKind::kSecondary; });
      const auto& value = (sequence.primary.*figure)[block];
      if (!secondary && value) values.push_back(*value);
    }
    if (values.empty()) continue;
    std::ranges::sort(values);
    middle[block] = sorted_quantile(values, 0.5);
    low[block] = sorted_quantile(values, 0.05);
    high[block] = sorted_quantile(values, 0.95);
  }
  ChartPanel panel = layer_panel(title, unit, n_layers, "block");
  add_quantiles(panel, "", "primary", middle, &low, &high);
  fit_y(panel);
  return panel;
}

}  // namespace

void draw_norm(Chart& chart, const Explanation& explanation) {
  chart.title = "Norm and attention";
  chart.question = "Do sinks of larger norm draw more, measured against the primary and as a share of all?";
  const bool any = std::ranges::any_of(explanation.norm_cases, [](const auto& cases) { return !cases.empty(); });
  if (!any) return;
  chart.panels = {by_norm(explanation, true), by_norm(explanation, false)};
}

void draw_survival(Chart& chart, const Explanation& explanation, int n_layers) {
  chart.title = "Lifetimes and levels";
  chart.question =
      "Does attention last longer in sinks of larger norm, and what do sinks of a level draw in each block?";
  for (std::size_t i = 0; i < explanation.norm.size(); ++i) {
    const auto groups = survival_by_norm(explanation.norm_cases[i]);
    if (groups.empty()) continue;
    ChartPanel panel;
    panel.title = fmt::format("Attention that lasts, {}", kind_name(explained_kind(explanation.norm[i].kind)));
    panel.x.title = "blocks";
    panel.y.title = "fraction that lasts longer";
    for (std::size_t g = 0; g < groups.size(); ++g) panel.series.push_back(steps_of(groups[g], kRoles[g]));
    fit_x(panel);
    panel.y.high = 1.04;
    chart.panels.push_back(std::move(panel));
  }
  for (const SinkKind kind : kExplainedKinds) {
    auto levels = scores_by_level(explanation.sequences, kind);
    if (levels.empty()) continue;
    std::ranges::stable_sort(levels, std::ranges::greater(), &LevelScores::n);
    levels.resize(std::min(levels.size(), std::size(kRoles)));
    ChartPanel panel = layer_panel(fmt::format("Far score by block, commonest levels, {}", kind_name(kind)),
                                   "probability", n_layers, "block");
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const LevelScores& level = levels[i];
      add_quantiles(panel, fmt::format("layers {}-{} ({})", level.l_start, level.l_end, counted(level.n, "sink")),
                    kRoles[i], level.score_p50, nullptr, nullptr);
    }
    fit_y(panel);
    chart.panels.push_back(std::move(panel));
  }
}

void draw_primary(Chart& chart, const Explanation& explanation, int n_layers) {
  chart.title = "The primary by block";
  chart.question = "In texts without secondary sinks, is the primary weaker where they begin elsewhere?";
  const PrimaryDip& dip = explanation.primary;
  const bool any = std::ranges::any_of(dip.score_median, [](const auto& score) { return score.has_value(); });
  if (!any) return;
  ChartPanel score = layer_panel("Far score", "probability", n_layers, "block");
  add_quantiles(score, "", "primary", dip.score_median, &dip.score_p05, &dip.score_p95);
  fit_y(score);
  for (const int start : dip.starts) {
    ChartSeries mark = series_of(start == dip.starts.front() ? "secondary sinks begin in the layer before" : "",
                                 ChartForm::kLine, "secondary");
    mark.add(start + 1, score.y.low);
    mark.add(start + 1, score.y.high);
    score.series.push_back(std::move(mark));
  }
  chart.panels.push_back(std::move(score));
  chart.panels.push_back(primary_panel(explanation, n_layers, "Far boost", "ratio", &PrimaryExplanation::far_boost));
  chart.panels.push_back(primary_panel(explanation, n_layers, "Heads whose score is above 0.3", "share of heads",
                                       &PrimaryExplanation::heads_over_03));
  chart.panels.push_back(
      primary_panel(explanation, n_layers, "Value norm", "ratio", &PrimaryExplanation::value_norm_ratio));
}

}  // namespace sinkscope
