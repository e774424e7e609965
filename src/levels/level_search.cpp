#include "levels/level_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <vector>

namespace sinkscope {
namespace {

constexpr std::size_t kTries = 2;  // candidates of each width that are fitted in full, of each round
constexpr double kLittle = 1e-6;   // of the criterion: as good as equal
constexpr std::size_t kWide = 3;   // from this jitter on a level may be two

// How wide a level may be when the search for it begins. A narrow one does not see what lies two layers off, a wide one
// would not settle where several narrow ones are near.
struct Width {
  std::size_t start_jitter, end_jitter;
  int start_reach, end_reach;  // layers from the centre within which cells count for the weight
};
constexpr std::array kWidths = {Width{1, 2, 1, 1}, Width{kStartJitters - 1, 2, 2, 1},
                                Width{kStartJitters - 1, kJitters.size() - 1, 2, 3}};

struct Candidate {
  LevelComponent component;
  double gain = 0;
};

// Whether a cell lies within reach of another in both layers; censored ends are near later censored ones.
bool is_near(const LayerCell& cell, const LayerCell& centre, const Width& width) {
  const int late = cell.l_end - centre.l_end;
  return std::abs(cell.l_start - centre.l_start) <= width.start_reach &&
         (std::abs(late) <= width.end_reach || (late > 0 && cell.censored && centre.censored));
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

// A level around a cell, weighing what lies near it, and the log likelihood gained if it is mixed in as it is.
std::optional<Candidate> candidate_at(const LayerCell& centre, const Width& width, const LevelMixture& mixture,
                                      std::span<const LayerCell> cells, std::span<const double> density, double total,
                                      const Separation& separation) {
  Candidate candidate;
  candidate.component.start_jitter = width.start_jitter;
  candidate.component.end_jitter = width.end_jitter;
  candidate.component.l_start = centre.l_start;
  candidate.component.l_end = centre.l_end;
  for (const LevelComponent& other : mixture.components) {
    if (!separation.apart(other, candidate.component)) return std::nullopt;
  }
  double near = 0;
  for (const LayerCell& cell : cells) {
    if (is_near(cell, centre, width)) near += cell.weight;
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

// The likeliest places for one level more: of each width the best kTries.
std::vector<Candidate> best_candidates(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers,
                                       const LevelSearch& search) {
  const double total = total_weight(cells);
  const std::vector<double> density = densities(mixture, cells, n_layers);
  std::vector<Candidate> best;
  for (const Width& width : kWidths) {
    std::vector<Candidate> candidates;
    for (const LayerCell& cell : cells) {
      if (auto candidate = candidate_at(cell, width, mixture, cells, density, total, search.separation)) {
        candidates.push_back(*candidate);
      }
    }
    std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::gain);
    candidates.resize(std::min(kTries, candidates.size()));
    best.insert(best.end(), candidates.begin(), candidates.end());
  }
  return best;
}

void mix_in(LevelMixture& mixture, const LevelComponent& added) {
  for (LevelComponent& component : mixture.components) component.weight *= 1 - added.weight;
  mixture.hazard_weight *= 1 - added.weight;
  mixture.even_weight *= 1 - added.weight;
  mixture.components.push_back(added);
}

// How a wide level may be several narrow ones: where each lies from its centre, in thirds of the layers that levels lie
// apart at least.
struct Offset {
  int start, end;
};
using Shape = std::vector<Offset>;
const std::array<Shape, 10> kShapes = {{
    {{-2, 0}, {2, 0}},          // one after the other, by start,
    {{0, -2}, {0, 2}},          // by end,
    {{-2, -2}, {2, 2}},         // by both,
    {{-2, 2}, {2, -2}},         // one within the other
    {{-3, 0}, {0, 0}, {3, 0}},  // the same of three
    {{0, -3}, {0, 0}, {0, 3}},
    {{-3, -3}, {0, 0}, {3, 3}},
    {{-3, 3}, {0, 0}, {3, -3}},
    {{-1, -2}, {-1, 1}, {2, 1}},  // two of one start, two of one end
    {{-2, -1}, {1, -1}, {1, 2}},
}};

// The mixture with the narrow levels of a shape in place of a wide one; nothing if there is no room.
std::optional<LevelMixture> with_one_split(const LevelMixture& mixture, std::size_t split, const Shape& shape,
                                           int n_layers, const LevelSearch& search) {
  const LevelComponent whole = mixture.components[split];
  LevelMixture next = mixture;
  next.components.erase(next.components.begin() + static_cast<std::ptrdiff_t>(split));
  const auto moved = [&](int layer, int thirds) {
    const double by = thirds * search.separation.layers / 3.0;
    return std::clamp(layer + static_cast<int>(std::lround(by)), 0, n_layers - 1);
  };
  for (const Offset& offset : shape) {
    LevelComponent part = whole;
    part.weight /= static_cast<double>(shape.size());
    part.start_jitter = part.end_jitter = 1;
    part.l_start = moved(whole.l_start, offset.start);
    part.l_end = moved(whole.l_end, offset.end);
    const bool fits =
        part.l_start <= part.l_end && std::ranges::all_of(next.components, [&](const LevelComponent& other) {
          return search.separation.apart(part, other);
        });
    if (!fits) return std::nullopt;
    next.components.push_back(part);
  }
  return next;
}

// The mixtures with one level more that are likeliest, fitted. Where levels turned out to be one there are fewer.
std::vector<LevelMixture> with_one_more(const LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers,
                                        const LevelSearch& search) {
  std::vector<LevelMixture> starts;
  for (const Candidate& candidate : best_candidates(mixture, cells, n_layers, search)) {
    starts.push_back(mixture);
    mix_in(starts.back(), candidate.component);
  }
  // A level that is wide may be several that lie too close for another between them.
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    const LevelComponent& component = mixture.components[k];
    if (component.start_jitter < kWide && component.end_jitter < kWide) continue;
    for (const Shape& shape : kShapes) {
      if (auto start = with_one_split(mixture, k, shape, n_layers, search)) starts.push_back(std::move(*start));
    }
  }
  for (LevelMixture& start : starts) fit(start, cells, n_layers, search.separation);
  return starts;
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
  while (static_cast<int>(mixture.components.size()) < search.most_levels && without_gain < kRoundsWithoutGain) {
    ++without_gain;
    std::optional<LevelMixture> next;
    for (LevelMixture& tried : with_one_more(mixture, cells, n_layers, search)) {
      const double criterion = bayes_criterion(tried, cells);
      if (criterion < best_criterion - kLittle && all_large_enough(tried, total, search.min_sinks)) {
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
