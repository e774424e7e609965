#include "levels/level_search.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

namespace sinkscope {
namespace {

constexpr std::size_t kTries = 2;  // candidates that are fitted in full, of each round
constexpr std::size_t kWide = 3;   // from this jitter on a level may be two

struct Candidate {
  LevelComponent component;
  double gain = 0;
};

// Whether a cell lies within one layer of another in both; censored ends are near later censored ones.
bool within_one(const LayerCell& cell, const LayerCell& centre) {
  const int late = cell.l_end - centre.l_end;
  return std::abs(cell.l_start - centre.l_start) <= 1 &&
         (std::abs(late) <= 1 || (late > 0 && cell.censored && centre.censored));
}

double total_weight(std::span<const LayerCell> cells) {
  double total = 0;
  for (const LayerCell& cell : cells) total += cell.weight;
  return total;
}

std::vector<double> densities(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers) {
  std::vector<double> density(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    density[i] = noise_probability(mixture, cells[i], n_layers);
    for (const LevelComponent& component : mixture.components) {
      density[i] += component.weight * probability(component, cells[i]);
    }
    density[i] = std::max(density[i], 1e-300);
  }
  return density;
}

// A narrow level around a cell, weighing what lies near it, and the log likelihood gained if it is mixed in as it is.
std::optional<Candidate> candidate_at(const LayerCell& centre, const LevelMixture& mixture,
                                      std::span<const LayerCell> cells, std::span<const double> density, double total,
                                      const Separation& separation) {
  Candidate candidate;
  candidate.component.l_start = centre.l_start;
  candidate.component.l_end = centre.l_end;
  for (const LevelComponent& other : mixture.components) {
    if (!separation.apart(other, candidate.component)) return std::nullopt;
  }
  double near = 0;
  for (const LayerCell& cell : cells) {
    if (within_one(cell, centre)) near += cell.weight;
  }
  const double weight = std::min(0.9, near / total);
  candidate.component.weight = weight;
  double touched = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double p = probability(candidate.component, cells[i]);
    if (p < 1e-9) continue;
    touched += cells[i].weight;
    candidate.gain += cells[i].weight * std::log(1 - weight + weight * p / density[i]);
  }
  candidate.gain += (total - touched) * std::log(1 - weight);
  return candidate;
}

// The likeliest places for one level more, best first.
std::vector<Candidate> best_candidates(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers,
                                       const LevelSearch& search, std::size_t most) {
  const double total = total_weight(cells);
  const std::vector<double> density = densities(mixture, cells, n_layers);
  std::vector<Candidate> candidates;
  for (const LayerCell& cell : cells) {
    if (auto candidate = candidate_at(cell, mixture, cells, density, total, search.separation)) {
      candidates.push_back(*candidate);
    }
  }
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::gain);
  candidates.resize(std::min(most, candidates.size()));
  return candidates;
}

void mix_in(LevelMixture& mixture, const LevelComponent& added) {
  for (LevelComponent& component : mixture.components) component.weight *= 1 - added.weight;
  mixture.hazard_weight *= 1 - added.weight;
  mixture.even_weight *= 1 - added.weight;
  mixture.components.push_back(added);
}

// The mixture with two levels in place of one, to both sides of it; nothing if there is no room.
std::optional<LevelMixture> with_one_split(const LevelMixture& mixture, std::size_t split, int n_layers,
                                           const LevelSearch& search) {
  LevelComponent early = mixture.components[split];
  const auto layer = early.end_jitter >= kWide ? &LevelComponent::l_end : &LevelComponent::l_start;
  early.weight /= 2;
  early.start_jitter = early.end_jitter = 1;
  LevelComponent late = early;
  const int reach = (search.separation.layers + 1) / 2;
  early.*layer = std::max(0, early.*layer - reach);
  late.*layer = std::min(n_layers - 1, late.*layer + reach);

  LevelMixture next = mixture;
  next.components.erase(next.components.begin() + static_cast<std::ptrdiff_t>(split));
  const auto fits = [&](const LevelComponent& component) {
    return std::ranges::all_of(next.components,
                               [&](const LevelComponent& other) { return search.separation.apart(component, other); });
  };
  if (!search.separation.apart(early, late) || !fits(early) || !fits(late)) return std::nullopt;
  next.components.push_back(early);
  next.components.push_back(late);
  return next;
}

// The mixture with one level more; nothing if there is no room for one.
std::optional<LevelMixture> with_one_more(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers,
                                          const LevelSearch& search) {
  std::vector<LevelMixture> starts;
  for (const Candidate& candidate : best_candidates(mixture, cells, n_layers, search, kTries)) {
    starts.push_back(mixture);
    mix_in(starts.back(), candidate.component);
  }
  // A level that is wide may be two that lie too close for another between them.
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    const LevelComponent& component = mixture.components[k];
    if (component.start_jitter < kWide && component.end_jitter < kWide) continue;
    if (auto start = with_one_split(mixture, k, n_layers, search)) starts.push_back(std::move(*start));
  }
  std::optional<LevelMixture> best;
  for (LevelMixture& start : starts) {
    fit(start, cells, n_layers, search.separation);
    if (!best || start.log_likelihood > best->log_likelihood) best = std::move(start);
  }
  return best;
}

bool all_large_enough(const LevelMixture& mixture, double total, double min_sinks) {
  return std::ranges::all_of(
      mixture.components, [&](const LevelComponent& component) { return component.weight * total >= min_sinks - 0.5; });
}

}  // namespace

LevelMixture search_levels(std::span<const LayerCell> cells, int n_layers, const LevelSearch& search) {
  constexpr int kRoundsWithoutGain = 2;
  const double total = total_weight(cells);
  LevelMixture mixture;
  fit(mixture, cells, n_layers, search.separation);
  LevelMixture best = mixture;
  double best_criterion = bayes_criterion(best, cells);
  int without_gain = 0;
  for (int n = 1; n <= search.most_levels && without_gain < kRoundsWithoutGain; ++n) {
    auto next = with_one_more(mixture, cells, n_layers, search);
    if (!next) break;
    mixture = std::move(*next);
    const double criterion = bayes_criterion(mixture, cells);
    if (criterion < best_criterion && all_large_enough(mixture, total, search.min_sinks)) {
      best = mixture;
      best_criterion = criterion;
      without_gain = 0;
    } else {
      ++without_gain;
    }
  }
  return best;
}

}  // namespace sinkscope
