#include "levels/level_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

namespace sinkscope {
namespace {

constexpr double kLittle = 1e-6;  // of the criterion: as good as equal

// How wide a level may be when the search for it begins. A narrow one does not see what lies two layers off, a wide one
// would not settle where several narrow ones are near.
struct Width {
  std::size_t start_jitter, end_jitter;
};
constexpr Width kNarrow{1, 2};
constexpr std::array kWidths = {kNarrow, Width{kStartJitters - 1, 2}, Width{kStartJitters - 1, kJitters.size() - 1}};

struct Candidate {
  LevelComponent component;
  double gain = 0;
};

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

double log_likelihood(std::span<const double> density, std::span<const LayerCell> cells) {
  double sum = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) sum += cells[i].weight * std::log(density[i]);
  return sum;
}

// A level around a cell, weighing what lies near it, and the log likelihood gained if it is mixed in as it is.
std::optional<Candidate> candidate_at(const LayerCell& centre, const Width& width, const LevelMixture& mixture,
                                      std::span<const LayerCell> cells, std::span<const double> density,
                                      const Separation& separation) {
  Candidate candidate{{centre.l_start, centre.l_end, width.start_jitter, width.end_jitter, 0}, 0};
  const bool apart = std::ranges::all_of(mixture.components, [&](const LevelComponent& other) {
    return separation.apart(other, candidate.component);
  });
  if (!apart) return std::nullopt;
  std::vector<double> p;
  double near = 0;
  for (const LayerCell& cell : cells) {
    p.push_back(probability(candidate.component, cell));
    near += cell.weight * std::min(1.0, p.back() / probability(candidate.component, centre));
  }
  const double weight = std::min(0.9, near / total_weight(cells));
  candidate.component.weight = weight;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    candidate.gain += cells[i].weight * std::log(1 - weight + weight * p[i] / density[i]);
  }
  return candidate;
}

void mix_in(LevelMixture& mixture, const LevelComponent& added) {
  const double rest = 1 - added.weight;
  for (LevelComponent& component : mixture.components) component.weight *= rest;
  mixture.hazard_weight *= rest;
  mixture.even_weight *= rest;
  mixture.components.push_back(added);
}

// Mixes in the level of this width that gains most; false if there is no room for one.
bool add_likeliest(LevelMixture& mixture, const Width& width, std::span<const LayerCell> cells, int n_layers,
                   const LevelSearch& search) {
  const std::vector<double> density = densities(mixture, cells, n_layers);
  std::optional<Candidate> best;
  for (const LayerCell& cell : cells) {
    const auto candidate = candidate_at(cell, width, mixture, cells, density, search.separation);
    if (candidate && (!best || candidate->gain > best->gain)) best = candidate;
  }
  if (best) mix_in(mixture, best->component);
  return best.has_value();
}

LevelMixture without(const LevelMixture& mixture, std::size_t component) {
  LevelMixture rest = mixture;
  rest.even_weight += mixture.components[component].weight;
  rest.components.erase(rest.components.begin() + static_cast<std::ptrdiff_t>(component));
  return rest;
}

// The mixtures with one level more that are likeliest, fitted. Where levels turned out to be one there are fewer.
std::vector<LevelMixture> with_one_more(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers,
                                        const LevelSearch& search) {
  std::vector<LevelMixture> starts;
  const auto add = [&](LevelMixture& start, const Width& width) {
    return add_likeliest(start, width, cells, n_layers, search);
  };
  for (const Width& width : kWidths) {
    LevelMixture start = mixture;
    if (add(start, width)) starts.push_back(std::move(start));
  }
  // A level may be two or three that lie too close for another between them: one around a cell near it, and the likeliest
  // then.
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    const LevelMixture rest = without(mixture, k);
    const std::vector<double> density = densities(rest, cells, n_layers);
    std::optional<LevelMixture> likeliest;
    for (const LayerCell& cell : cells) {
      const auto part = candidate_at(cell, kNarrow, rest, cells, density, search.separation);
      if (!part || search.separation.apart(part->component, mixture.components[k])) continue;
      LevelMixture start = rest;
      mix_in(start, part->component);
      if (!add(start, kNarrow)) continue;
      start.log_likelihood = log_likelihood(densities(start, cells, n_layers), cells);
      if (!likeliest || start.log_likelihood > likeliest->log_likelihood) likeliest = std::move(start);
    }
    if (!likeliest) continue;
    starts.push_back(*likeliest);
    if (add(*likeliest, kNarrow)) starts.push_back(std::move(*likeliest));
  }
  for (LevelMixture& start : starts) fit(start, cells, n_layers, search.separation);
  return starts;
}

// Whether a mixture may be the answer: not too many levels, each large enough.
bool is_allowed(const LevelMixture& mixture, double total, const LevelSearch& search) {
  return static_cast<int>(mixture.components.size()) <= search.most_levels &&
         std::ranges::all_of(mixture.components, [&](const LevelComponent& component) {
           return component.weight * total >= search.min_sinks - 0.5;
         });
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
  while (without_gain < kRoundsWithoutGain) {
    ++without_gain;
    std::optional<LevelMixture> next;
    for (LevelMixture& tried : with_one_more(mixture, cells, n_layers, search)) {
      const double criterion = bayes_criterion(tried, cells);
      if (criterion < best_criterion - kLittle && is_allowed(tried, total, search)) {
        best = tried;
        best_criterion = criterion;
        without_gain = 0;
      }
      // Of those that have the level more the likeliest is where the search goes on.
      if (tried.components.size() <= mixture.components.size()) continue;
      if (!next || tried.log_likelihood > next->log_likelihood) next = std::move(tried);
    }
    if (without_gain == 0) {
      mixture = best;
    } else if (next) {
      mixture = std::move(*next);
    } else {
      break;
    }
  }
  return best;
}

}  // namespace sinkscope
