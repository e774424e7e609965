#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "base/words.h"
#include "report/explain_drawings.h"
#include "report/words.h"

namespace sinkscope {
namespace {

constexpr std::size_t kMostNeurons = 12;

using Values = std::vector<double>;
using Sinks = std::vector<const RunExplanation*>;

// A line of medians and, where there are several values, their band from 5 to 95 %.
void add_spread(ChartPanel& panel, const std::string& name, std::string_view role, const std::vector<Values>& by_layer,
                bool with_band) {
  ChartSeries line = series_of(name, ChartForm::kLine, role), band = series_of("", ChartForm::kBand, role);
  for (std::size_t l = 0; l < by_layer.size(); ++l) {
    const auto at = static_cast<double>(l);
    const auto middle = quantile_of(by_layer[l], 0.5);
    line.add(at, middle, fmt::format("layer {}, {}: {}", l, name, in_digits(middle)));
    band.add_band(at, quantile_of(by_layer[l], 0.05), quantile_of(by_layer[l], 0.95));
  }
  if (with_band) panel.series.push_back(std::move(band));
  panel.series.push_back(std::move(line));
}

std::string sinks_name(SinkKind kind, std::size_t n) {
  return fmt::format("{} ({})", kind_name(kind), counted(static_cast<std::int64_t>(n), "sink"));
}

// Heights by layer of all runs, and of what stands beside them.
ChartPanel heights_panel(const Explanation& explanation, int n_layers, const std::string& title,
                         std::vector<float> RunExplanation::* of_sinks,
                         const std::function<void(const RunExplanation&, std::vector<Values>&)>& add_controls) {
  ChartPanel panel = layer_panel(title, "height, ordinary norms", n_layers);
  std::vector<Values> controls(index(n_layers));
  for (const SinkKind kind : kinds_of(explanation)) {
    for (const RunExplanation* run : runs_of(explanation, kind)) add_controls(*run, controls);
  }
  add_spread(panel, "like tokens", kOtherRole, controls, true);
  for (const SinkKind kind : kinds_of(explanation)) {
    const Sinks runs = runs_of(explanation, kind);
    std::vector<Values> heights(index(n_layers));
    for (const RunExplanation* run : runs) {
      for (std::size_t l = 0; l < heights.size(); ++l) heights[l].push_back(static_cast<double>((run->*of_sinks)[l]));
    }
    add_spread(panel, sinks_name(kind, runs.size()), name_of(kind), heights, false);
  }
  fit_y(panel);
  return panel;
}

// Mean excess of one sort of parts at the peak; embedding: of layer -1.
ChartSeries mean_parts(const Sinks& runs, int n_layers, std::string name, std::string_view role,
                       std::vector<double> PartHeights::* parts) {
  ChartSeries bars = series_of(std::move(name), ChartForm::kBars, role);
  for (int l = 0; l < n_layers; ++l) {
    double sum = 0;
    for (const RunExplanation* run : runs) {
      const auto& of_run = run->peak->excess.*parts;
      if (index(l) < of_run.size()) sum += of_run[index(l)];
    }
    const double mean = sum / static_cast<double>(runs.size());
    bars.add(l, mean, fmt::format("{} {}: {}", bars.name, l, in_digits(mean)));
  }
  return bars;
}

Sinks with_peak(const Explanation& explanation, SinkKind kind) {
  Sinks runs = runs_of(explanation, kind);
  std::erase_if(runs, [](const RunExplanation* run) { return !run->peak; });
  return runs;
}

void add_points(ChartSeries& points, double at, const std::optional<double>& value, const std::string& says) {
  if (value) points.add(at, value, fmt::format("{}: {}", says, in_digits(value)));
}

// Shares of the commonest neurons.
std::optional<ChartPanel> neuron_panel(const Explanation& explanation, SinkKind kind) {
  std::map<std::pair<int, int>, double> shares;  // layer, neuron
  int n = 0;
  for (const RunExplanation* run : runs_of(explanation, kind)) {
    if (!run->neurons) continue;
    ++n;
    for (const Neuron& neuron : run->neurons->list) shares[{run->neurons->layer, neuron.neuron}] += neuron.share;
  }
  if (n == 0) return std::nullopt;
  std::vector<std::pair<std::pair<int, int>, double>> order(shares.begin(), shares.end());
  std::ranges::stable_sort(order, std::ranges::greater(), [](const auto& one) { return one.second; });
  order.resize(std::min(order.size(), kMostNeurons));
  std::vector<std::string> names;
  for (const auto& [neuron, share] : order) names.push_back(fmt::format("{}:{}", neuron.first, neuron.second));
  ChartPanel panel = named_panel(fmt::format("Neurons, as layer:neuron, {}", sinks_name(kind, index(n))),
                                 "share of the MLP's excess", std::move(names));
  ChartSeries bars = series_of("", ChartForm::kBars, name_of(kind));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double mean = order[i].second / n;
    bars.add(static_cast<double>(i), mean, fmt::format("{}: {}", panel.x.names[i], in_digits(mean)));
  }
  panel.series.push_back(std::move(bars));
  fit_y(panel);
  return panel;
}

std::optional<ChartPanel> like_primary_panel(const Explanation& explanation) {
  ChartPanel panel =
      named_panel("Along the MLP, sinks and the primary", "cosine", {"MLP input", "gate", "up", "neurons", "write"});
  for (const SinkKind kind : kinds_of(explanation)) {
    ChartSeries points = series_of(std::string(kind_name(kind)), ChartForm::kPoints, name_of(kind));
    for (const RunExplanation* run : runs_of(explanation, kind)) {
      if (!run->like_primary) continue;
      const LikePrimary& like = *run->like_primary;
      const std::array cosines = {like.mlp_input, like.gate, like.up, like.neurons, like.write};
      for (std::size_t i = 0; i < cosines.size(); ++i) {
        add_points(points, static_cast<double>(i), cosines[i],
                   fmt::format("{}, position {}", panel.x.names[i], run->run.position));
      }
    }
    if (!points.x.empty()) panel.series.push_back(std::move(points));
  }
  if (panel.series.empty()) return std::nullopt;
  fit_y(panel);
  return panel;
}

std::optional<ChartPanel> edit_panel(const Explanation& explanation) {
  ChartPanel panel = named_panel("Far boost when writes are changed", "far boost",
                                 {"unedited", "placebo", "rest", "one axis part", "together"});
  for (const SinkKind kind : kinds_of(explanation)) {
    ChartSeries points = series_of(std::string(kind_name(kind)), ChartForm::kPoints, name_of(kind));
    for (const RunExplanation* run : runs_of(explanation, kind)) {
      if (run->edits.empty()) continue;
      const auto add = [&](double at, const std::optional<double>& boost, const std::string& what) {
        add_points(points, at, boost, fmt::format("{}, position {}", what, run->run.position));
      };
      add(0, run->edits.front().far_boost_before, "unedited");
      for (const LayerEdit& edit : run->edits) {
        add(edit.placebo ? 1 : 3, edit.axis.far_boost, fmt::format("MLP {}'s axis part out", edit.layer));
        if (edit.rest) add(2, edit.rest->far_boost, fmt::format("all else of MLP {} exchanged", edit.layer));
      }
      if (run->together) add(4, run->together->outcome.far_boost, "several axis parts out");
    }
    if (!points.x.empty()) panel.series.push_back(std::move(points));
  }
  if (panel.series.empty()) return std::nullopt;
  fit_y(panel);
  return panel;
}

}  // namespace

std::vector<const RunExplanation*> runs_of(const Explanation& explanation, SinkKind kind) {
  std::vector<const RunExplanation*> runs;
  for (const SequenceExplanation& sequence : explanation.sequences) {
    for (const RunExplanation& run : sequence.runs) {
      if (run.run.kind == kind) runs.push_back(&run);
    }
  }
  return runs;
}

std::vector<SinkKind> kinds_of(const Explanation& explanation) {
  std::vector<SinkKind> kinds;
  for (const SinkKind kind : kExplainedKinds) {
    if (!runs_of(explanation, kind).empty()) kinds.push_back(kind);
  }
  return kinds;
}

void draw_formation(Chart& chart, const Explanation& explanation, int n_layers) {
  chart.title = "Writes along the axis";
  chart.question = "In which layers do MLPs, or attention, write into sinks what they do not write into like tokens?";
  if (explanation.n_sinks == 0) return;
  chart.panels.push_back(heights_panel(explanation, n_layers, "MLPs", &RunExplanation::mlp_axis,
                                       [](const RunExplanation& run, std::vector<Values>& controls) {
                                         for (std::size_t c = 0; c < run.control_mlp.rows(); ++c) {
                                           for (std::size_t l = 0; l < controls.size(); ++l) {
                                             controls[l].push_back(static_cast<double>(run.control_mlp(c, l)));
                                           }
                                         }
                                       }));
  chart.panels.push_back(heights_panel(explanation, n_layers, "Attention", &RunExplanation::attention_axis,
                                       [](const RunExplanation& run, std::vector<Values>& controls) {
                                         if (run.control_attention_axis.empty()) return;
                                         for (std::size_t l = 0; l < controls.size(); ++l) {
                                           controls[l].push_back(static_cast<double>(run.control_attention_axis[l]));
                                         }
                                       }));
}

void draw_excess(Chart& chart, const Explanation& explanation, int n_layers) {
  chart.title = "Excess by part";
  chart.question = "Which blocks make a sink's state taller than those of like tokens?";
  for (const SinkKind kind : kinds_of(explanation)) {
    const Sinks runs = with_peak(explanation, kind);
    if (runs.empty()) continue;
    const std::string name = sinks_name(kind, runs.size());
    ChartPanel excess = layer_panel("Mean excess at the peak, " + name, "height, ordinary norms", n_layers);
    excess.series.push_back(mean_parts(runs, n_layers, "MLP", name_of(kind), &PartHeights::mlp));
    excess.series.push_back(mean_parts(runs, n_layers, "attention", kOtherRole, &PartHeights::attention));
    fit_y(excess);
    chart.panels.push_back(std::move(excess));

    ChartPanel starts = layer_panel("Sinks by their largest MLP, " + name, "sinks", n_layers);
    std::vector<int> counts(index(n_layers));
    for (const RunExplanation* run : runs) {
      const PartName& part = run->peak->largest.front().part;
      if (part.kind == PartKind::kMlp) ++counts[index(part.layer)];
    }
    ChartSeries bars = series_of("", ChartForm::kBars, name_of(kind));
    for (int l = 0; l < n_layers; ++l) {
      const int n = counts[index(l)];
      bars.add(l, n, fmt::format("MLP {}: {}", l, counted(n, "sink")));
    }
    starts.series.push_back(std::move(bars));
    fit_y(starts);
    chart.panels.push_back(std::move(starts));
  }
}

void draw_neurons(Chart& chart, const Explanation& explanation) {
  chart.title = "Neurons and edits";
  chart.question = "Do a few neurons write it, the primary's too, and does attention go when it is taken out?";
  for (const SinkKind kind : kinds_of(explanation)) {
    if (auto panel = neuron_panel(explanation, kind)) chart.panels.push_back(std::move(*panel));
  }
  if (auto panel = like_primary_panel(explanation)) chart.panels.push_back(std::move(*panel));
  if (auto panel = edit_panel(explanation)) chart.panels.push_back(std::move(*panel));
}

}  // namespace sinkscope
