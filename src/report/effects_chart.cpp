#include "report/effects_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/index.h"
#include "report/words.h"

namespace sinkscope {
namespace {

// Effects of one edit by block, or by distance.
class Effects {
 public:
  Effects(const std::vector<AblationEffect>& all, const EditHow& how) : all_(all), how_(how) {}

  const AblationEffect* at_block(std::string_view quantity, int block) const {
    return find([&](const AblationEffect& e) { return e.quantity == quantity && e.block == block && !e.distance; });
  }
  const AblationEffect* at_distance(std::string_view quantity, int first) const {
    return find([&](const AblationEffect& e) { return e.quantity == quantity && !e.block && e.distance == first; });
  }

 private:
  template <typename Wanted>
  const AblationEffect* find(const Wanted& wanted) const {
    const auto found =
        std::ranges::find_if(all_, [&](const AblationEffect& e) { return e.how == how_ && wanted(e); });
    return found == all_.end() ? nullptr : &*found;
  }

  const std::vector<AblationEffect>& all_;
  const EditHow& how_;
};

std::optional<double> removed_of(const AblationEffect* effect) {
  return effect != nullptr ? effect->removed : std::nullopt;
}

std::optional<double> log_odds_of(const BlockEffect& effect) {
  return effect.logs ? std::optional(effect.logs->log_odds) : std::nullopt;
}

// Between the smallest and the largest mean over sequences of a draw.
template <typename ValueOf>
ChartSeries placebo_band(const std::vector<SequenceAblation>& sequences, int n_layers, const ValueOf& value_of) {
  ChartSeries band = series_of("placebo, range of draws", ChartForm::kBand, kOtherRole);
  for (int block = 0; block < n_layers; ++block) {
    std::vector<std::pair<double, int>> draws;  // sums
    for (const SequenceAblation& sequence : sequences) {
      if (draws.size() < sequence.placebo_runs.size()) draws.resize(sequence.placebo_runs.size());
      for (std::size_t draw = 0; draw < sequence.placebo_runs.size(); ++draw) {
        const auto& effect = sequence.placebo_runs[draw].blocks[index(block)];
        const std::optional<double> value = effect ? value_of(*effect) : std::nullopt;
        if (value) draws[draw].first += *value, ++draws[draw].second;
      }
    }
    std::optional<double> low, high;
    for (const auto& [sum, n] : draws) {
      if (n == 0) continue;
      const double mean = sum / n;
      low = std::min(mean, low.value_or(mean));
      high = std::max(mean, high.value_or(mean));
    }
    band.add_band(block, low, high);
  }
  return band;
}

bool any_of(const ChartSeries& series) {
  return std::ranges::any_of(series.y, [](const auto& value) { return value.has_value(); });
}

void add_score(Chart& chart, const Effects& effects, const EditHow& how, const std::vector<SequenceAblation>& sequences,
               int n_layers) {
  ChartPanel panel = layer_panel(fmt::format("{}: the primary's score", word_of(how)), "change", n_layers, "block");
  ChartSeries shared = series_of("competition: the removed keys' share", ChartForm::kBand, "primary_like");
  ChartSeries rest = series_of("beyond it", ChartForm::kBand, "secondary");
  ChartSeries whole = series_of("the change", ChartForm::kLine, "primary");
  for (int block = 0; block < n_layers; ++block) {
    const auto score = removed_of(effects.at_block("score", block));
    const auto part = removed_of(effects.at_block("competition_score", block));
    shared.add_band(block, part ? std::optional(0.0) : std::nullopt, part);
    rest.add_band(block, score ? part : std::nullopt, part ? score : std::nullopt);
    whole.add(block, score, score ? fmt::format("block {}: {} of which competition {}", block, in_digits(score),
                                                 in_digits(part))
                                  : std::string());
  }
  if (!any_of(whole)) return;
  panel.series = {std::move(shared), std::move(rest),
                  placebo_band(sequences, n_layers, [](const BlockEffect& e) { return std::optional(e.score); }),
                  std::move(whole)};
  fit_y(panel);
  chart.panels.push_back(std::move(panel));
}

void add_log_odds(Chart& chart, const Effects& effects, const EditHow& how,
                  const std::vector<SequenceAblation>& sequences, int n_layers) {
  ChartPanel panel =
      layer_panel(fmt::format("{}: its log odds against all other keys", word_of(how)), "nats", n_layers, "block");
  ChartSeries line = series_of("the change: 0 is competition alone", ChartForm::kLine, "primary");
  for (int block = 0; block < n_layers; ++block) {
    const auto value = removed_of(effects.at_block("log_odds", block));
    line.add(block, value, value ? fmt::format("block {}: {}", block, in_digits(value)) : std::string());
  }
  if (!any_of(line)) return;
  panel.series = {placebo_band(sequences, n_layers, log_odds_of), std::move(line)};
  fit_y(panel);
  chart.panels.push_back(std::move(panel));
}

void add_distances(Chart& chart, const Effects& effects, const EditHow& how,
                   const std::vector<SequenceAblation>& sequences, const char* quantity, const char* title) {
  if (sequences.empty() || !sequences.front().edited.tokens) return;
  std::vector<std::string> names;
  ChartSeries removed = series_of("sinks", ChartForm::kBars, "secondary");
  ChartSeries placebo = series_of("placebo", ChartForm::kPoints, kOtherRole);
  for (const DistanceEffect& at : sequences.front().edited.tokens->by_distance) {
    const AblationEffect* effect = effects.at_distance(quantity, at.first);
    const auto place = static_cast<double>(names.size());
    names.push_back(!at.last ? fmt::format("{}+", at.first)
                    : *at.last == at.first ? std::to_string(at.first)
                                           : fmt::format("{}-{}", at.first, *at.last));
    if (effect == nullptr || !effect->removed) continue;
    removed.add(place, effect->removed, fmt::format("{} tokens behind: {}", names.back(), in_digits(effect->removed)));
    placebo.add(place, effect->placebo, fmt::format("{} tokens behind: {}", names.back(), in_digits(effect->placebo)));
  }
  if (removed.x.empty()) return;
  ChartPanel panel = named_panel(fmt::format("{}: {} by distance to the last removed token", word_of(how), title), "nats",
                                 std::move(names));
  panel.series = {std::move(removed), std::move(placebo)};
  fit_y(panel);
  chart.panels.push_back(std::move(panel));
}

// The axis has no room for whole names.
std::string_view axis_name(KeptSet set) {
  switch (set) {
    case KeptSet::kSinks:
      return "+ sinks";
    case KeptSet::kAttended:
      return "+ attended";
    case KeptSet::kPlacebo:
      return "+ placebo";
    default:
      return name_of(set);
  }
}

void add_cache(Chart& chart, const JudgedCache& cache) {
  if (cache.n_judging == 0) return;
  ChartSeries kl = series_of("KL", ChartForm::kBars, kOtherRole);
  ChartSeries intervals = series_of("95 %", ChartForm::kLine, "secondary");
  ChartSeries recommended = series_of("recommended", ChartForm::kPoints, "primary");
  std::vector<std::string> names;
  for (const JudgedSet& set : cache.sets) {
    const auto place = static_cast<double>(names.size());
    names.emplace_back(axis_name(set.set));
    if (!set.kl) continue;
    const std::string says = fmt::format("{}: KL {}, {} tokens", name_of(set.set), in_digits(set.kl->mean), in_digits(set.n_kept));
    kl.add(place, set.kl->mean, says);
    if (set.set == cache.recommended) recommended.add(place, set.kl->mean, says);
    if (!set.kl->interval) continue;
    intervals.add(place, set.kl->interval->low);
    intervals.add(place, set.kl->interval->high);
    intervals.add(place, std::nullopt);
  }
  ChartPanel panel = named_panel(
      fmt::format("{}: KL by the tokens that it {}; {}", word_of(cache.cache), verb_of(cache.cache),
                  cache.recommended ? fmt::format("recommended: {}", name_of(*cache.recommended)) : cache.reason),
      "nats", std::move(names));
  panel.series = {std::move(kl)};
  if (!intervals.x.empty()) panel.series.push_back(std::move(intervals));
  if (!recommended.x.empty()) panel.series.push_back(std::move(recommended));
  fit_y(panel);
  chart.panels.push_back(std::move(panel));
}

void add_ablation(Chart& chart, const ShownAblation& shown, int n_layers) {
  const AblateRequest& request = shown.file.request;
  for (std::size_t i = 0; i < request.edits.size(); ++i) {
    const EditHow& how = request.edits[i];
    const std::vector<SequenceAblation>& sequences = shown.file.ablation.edits[i];
    const Effects effects(shown.judged.effects, how);
    add_score(chart, effects, how, sequences, n_layers);
    add_log_odds(chart, effects, how, sequences, n_layers);
    add_distances(chart, effects, how, sequences, "kl", "KL");
    add_distances(chart, effects, how, sequences, "loss", "loss");
  }
}

}  // namespace

Chart effects_chart(const ShownEffects& effects, int n_layers) {
  Chart chart;
  chart.id = std::string(kEffectsFigure);
  chart.title = "Sinks taken away, and kept";
  chart.question = "What becomes of the primary's attention, and of predictions, without the sinks?";
  if (effects.ablated) add_ablation(chart, *effects.ablated, n_layers);
  if (effects.kept) {
    for (const JudgedCache& cache : effects.kept->judged.caches) add_cache(chart, cache);
  }
  return chart;
}

}  // namespace sinkscope
