#include "levels/mixture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

namespace sinkscope {
namespace {

constexpr int kReach = 16;  // layers from the centre beyond which the widest bell is nothing (exp(-32))
constexpr double kTiny = 1e-300;

// P(offset) and P(offset or more) of every bell, and their logarithms.
struct Bells {
  static constexpr std::size_t kWidth = 2 * kReach + 1;
  using Table = std::array<std::array<double, kWidth>, kJitters.size()>;
  Table at{}, from{}, log_at{}, log_from{};

  Bells() {
    for (std::size_t j = 0; j < kJitters.size(); ++j) {
      double sum = 0;
      for (int d = -kReach; d <= kReach; ++d) {
        sum += at[j][index(d)] = std::exp(-0.5 * d * d / (kJitters[j] * kJitters[j]));
      }
      double tail = 0;
      for (int d = kReach; d >= -kReach; --d) {
        const std::size_t i = index(d);
        at[j][i] /= sum;
        from[j][i] = std::min(1.0, tail += at[j][i]);
        log_at[j][i] = std::log(std::max(kTiny, at[j][i]));
        log_from[j][i] = std::log(std::max(kTiny, from[j][i]));
      }
    }
  }
  static std::size_t index(int offset) {
    return static_cast<std::size_t>(std::clamp(offset, -kReach, kReach) + kReach);
  }
};

const Bells& bells() {
  static const Bells kBells;
  return kBells;
}

// P(cell) under a constant hazard, for pairs of a network.
class HazardTable {
 public:
  HazardTable(const LevelMixture& mixture, int n_layers)
      : hazard_(mixture.hazard), survived_(static_cast<std::size_t>(n_layers)) {
    double survived = 1.0 / n_layers;
    for (std::size_t l = 0; l < survived_.size(); ++l) {
      survived_[l] = survived;
      if (static_cast<int>(l) >= mixture.shortest) survived *= 1 - hazard_;
    }
  }
  double operator()(const LayerCell& cell) const {
    const double survived = survived_[static_cast<std::size_t>(cell.l_end - cell.l_start)];
    return cell.censored ? survived : survived * hazard_;
  }

 private:
  double hazard_;
  std::vector<double> survived_;  // [n_layers] P(start) x P(so many layers survived)
};

double even_probability(const LayerCell& cell, int n_layers) {
  const double pairs = 0.5 * n_layers * (n_layers + 1);
  return (cell.censored ? n_layers - cell.l_end : 1) / pairs;
}

// How much of a component's share lies in which layer, exactly there and there or later.
struct LayerWeights {
  std::vector<double> exact, censored;  // [n_layers]
  explicit LayerWeights(int n_layers) : exact(static_cast<std::size_t>(n_layers)), censored(exact) {}
};

struct PairWeights {
  LayerWeights starts, ends;

  PairWeights(std::span<const LayerCell> cells, std::span<const double> shares, int n_layers)
      : starts(n_layers), ends(n_layers) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      starts.exact[static_cast<std::size_t>(cells[i].l_start)] += shares[i];
      (cells[i].censored ? ends.censored : ends.exact)[static_cast<std::size_t>(cells[i].l_end)] += shares[i];
    }
  }
};

// Log likelihood of the weights under a bell.
double log_likelihood(const LayerWeights& weights, int centre, std::size_t jitter) {
  const Bells& bell = bells();
  double sum = 0;
  for (std::size_t l = 0; l < weights.exact.size(); ++l) {
    const std::size_t offset = Bells::index(static_cast<int>(l) - centre);
    sum += weights.exact[l] * bell.log_at[jitter][offset] + weights.censored[l] * bell.log_from[jitter][offset];
  }
  return sum;
}

// One of a component's two layers, and its jitter.
struct Axis {
  int centre;
  std::size_t jitter;
};

// The whole layer within two of the present centre, and the jitter, under which the weights are likeliest.
template <typename Allowed>
Axis best_axis(Axis now, std::size_t n_jitters, const LayerWeights& weights, const Allowed& allowed) {
  Axis best = now;
  double best_value = -std::numeric_limits<double>::infinity();
  for (int centre = now.centre - 2; centre <= now.centre + 2; ++centre) {
    if (centre != now.centre && !allowed(centre)) continue;
    for (std::size_t jitter = 0; jitter < n_jitters; ++jitter) {
      const double value = log_likelihood(weights, centre, jitter);
      if (value > best_value + 1e-9) {
        best_value = value;
        best = {centre, jitter};
      }
    }
  }
  return best;
}

bool stays_apart(const LevelMixture& mixture, std::size_t moved, const LevelComponent& component,
                 const Separation& separation) {
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    if (k != moved && !separation.apart(mixture.components[k], component)) return false;
  }
  return true;
}

// Where a component's centre and bells are likeliest, given its share of each cell. `allowed` says which centres
// may be taken; the component's own is, whatever it says.
template <typename Allowed>
LevelComponent likeliest(const LevelComponent& now, const PairWeights& weights, int n_layers, const Allowed& allowed) {
  const auto& [starts, ends] = weights;
  // Of censored ends any later centre would be as likely: none is put where no end was seen.
  int latest = n_layers - 1;
  const auto seen = [&](int l) {
    return ends.exact[static_cast<std::size_t>(l)] + ends.censored[static_cast<std::size_t>(l)];
  };
  while (latest > 0 && seen(latest) < 0.5) --latest;

  LevelComponent component = now, ended = now;
  ended.l_end = std::min(ended.l_end, latest);
  if (allowed(ended)) component = ended;
  const auto may_move = [&](int LevelComponent::* layer) {
    return [&, layer](int centre) {
      LevelComponent moved = component;
      moved.*layer = centre;
      return centre >= 0 && moved.l_start < n_layers && moved.l_end <= latest && allowed(moved);
    };
  };
  const Axis start =
      best_axis({component.l_start, component.start_jitter}, kStartJitters, starts, may_move(&LevelComponent::l_start));
  component.l_start = start.centre;
  component.start_jitter = start.jitter;
  const Axis end =
      best_axis({component.l_end, component.end_jitter}, kJitters.size(), ends, may_move(&LevelComponent::l_end));
  component.l_end = end.centre;
  component.end_jitter = end.jitter;
  return component;
}

using Shares = std::vector<std::vector<double>>;  // [component][cell] how much of a cell belongs to a component

// The log likelihood that a component loses if the centre of one of its layers lies elsewhere.
double cost_of_shift(const LayerWeights& weights, int centre, int elsewhere, std::size_t n_jitters) {
  double here = -std::numeric_limits<double>::infinity(), there = here;
  for (std::size_t jitter = 0; jitter < n_jitters; ++jitter) {
    here = std::max(here, log_likelihood(weights, centre, jitter));
    there = std::max(there, log_likelihood(weights, elsewhere, jitter));
  }
  return here - there;
}

// Expectation maximisation. may_lie(k, moved): whether component k may lie there beside the others.
//
// returns  the shares with which the last step was made
template <typename MayLie>
Shares maximise(LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers, const MayLie& may_lie) {
  constexpr int kMostIterations = 200;
  constexpr double kEnough = 1e-2;  // nats of log likelihood
  const std::size_t n_components = mixture.components.size();
  double total = 0;
  mixture.shortest = n_layers;
  for (const LayerCell& cell : cells) {
    total += cell.weight;
    mixture.shortest = std::min(mixture.shortest, cell.l_end - cell.l_start);
  }
  Shares shares(n_components, std::vector<double>(cells.size()));
  if (total <= 0) return shares;

  double before = -std::numeric_limits<double>::infinity();
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    const HazardTable hazard_probability(mixture, n_layers);
    double log_likelihood = 0, hazard_sum = 0, even_sum = 0, ends = 0, layers_survived = 0;
    std::vector<double> sums(n_components, 0.0);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const LayerCell& cell = cells[i];
      const double by_hazard = mixture.hazard_weight * hazard_probability(cell);
      const double evenly = mixture.even_weight * even_probability(cell, n_layers);
      double density = by_hazard + evenly;
      for (std::size_t k = 0; k < n_components; ++k) {
        const LevelComponent& component = mixture.components[k];
        density += shares[k][i] = component.weight * probability(component, cell);
      }
      density = std::max(density, kTiny);
      log_likelihood += cell.weight * std::log(density);
      const double scale = cell.weight / density;
      for (std::size_t k = 0; k < n_components; ++k) sums[k] += shares[k][i] *= scale;
      hazard_sum += by_hazard * scale;
      even_sum += evenly * scale;
      if (!cell.censored) ends += by_hazard * scale;
      layers_survived += by_hazard * scale * std::max(0, cell.l_end - cell.l_start - mixture.shortest);
    }
    mixture.log_likelihood = log_likelihood;
    if (log_likelihood - before < kEnough && iteration > 0) return shares;
    before = log_likelihood;

    mixture.hazard_weight = hazard_sum / total;
    mixture.even_weight = even_sum / total;
    if (ends + layers_survived > 0) {
      mixture.hazard = std::clamp(ends / (ends + layers_survived), 0.01, 0.99);
    }
    for (std::size_t k = 0; k < n_components; ++k) {
      mixture.components[k].weight = sums[k] / total;
      if (sums[k] <= 0) continue;
      mixture.components[k] = likeliest(mixture.components[k], PairWeights(cells, shares[k], n_layers), n_layers,
                                        [&](const LevelComponent& moved) { return may_lie(k, moved); });
    }
  }
  return shares;
}

// How far components a and b must come together to be nearer than levels may be, where that costs least.
struct Approach {
  LevelComponent a, b;
  double cost = 0;  // log likelihood, if every sink stays with its component
};

Approach approach_of(const LevelComponent& a, const PairWeights& of_a, const LevelComponent& b, const PairWeights& of_b,
                     const Separation& separation) {
  Approach approach{a, b, 0};
  const auto approach_in = [&](int LevelComponent::* layer, LayerWeights PairWeights::* weights, std::size_t n_jitters,
                               int last) {
    const int centre_a = std::min(a.*layer, last), centre_b = std::min(b.*layer, last);
    const int missing = std::abs(centre_a - centre_b) - (separation.layers - 1);
    if (missing <= 0) return;
    const int towards = centre_a < centre_b ? 1 : -1;
    double least = std::numeric_limits<double>::infinity();
    for (int shift = 0; shift <= missing; ++shift) {
      const int near_a = centre_a + towards * shift, near_b = centre_b - towards * (missing - shift);
      const double cost = cost_of_shift(of_a.*weights, centre_a, near_a, n_jitters) +
                          cost_of_shift(of_b.*weights, centre_b, near_b, n_jitters);
      if (cost >= least) continue;
      least = cost;
      approach.a.*layer = near_a;
      approach.b.*layer = near_b;
    }
    approach.cost += least;
  };
  approach_in(&LevelComponent::l_start, &PairWeights::starts, kStartJitters, std::numeric_limits<int>::max());
  approach_in(&LevelComponent::l_end, &PairWeights::ends, kJitters.size(), separation.horizon);
  return approach;
}

// Joins the two nearest of the levels that do not lie as far apart as levels must: with centres nearer to each other
// the mixture is as likely or likelier.
//
// shares  as the last step of the fit left them
// returns whether two were joined
bool join_closest(LevelMixture& mixture, std::span<const LayerCell> cells, const Shares& shares, int n_layers,
                  const Separation& separation) {
  constexpr int kFarther = 1;  // layers more than levels must lie apart, from which on none are asked
  std::vector<PairWeights> weights;
  std::vector<LevelComponent> free;  // where each would lie if it need not keep away from the others
  for (std::size_t k = 0; k < mixture.components.size(); ++k) {
    weights.emplace_back(cells, shares[k], n_layers);
    free.push_back(likeliest(mixture.components[k], weights[k], n_layers, [](const LevelComponent&) { return true; }));
  }
  std::optional<std::pair<std::size_t, std::size_t>> closest;
  double least = std::numeric_limits<double>::infinity();
  const Separation far{separation.layers + kFarther, separation.horizon};
  for (std::size_t a = 0; a < free.size(); ++a) {
    for (std::size_t b = a + 1; b < free.size(); ++b) {
      if (far.apart(free[a], free[b])) continue;
      const Approach approach = approach_of(free[a], weights[a], free[b], weights[b], separation);
      if (approach.cost >= least) continue;
      if (approach.cost > 0) {
        LevelMixture nearer = mixture;
        nearer.components[a] = approach.a;
        nearer.components[b] = approach.b;
        maximise(nearer, cells, n_layers, [&](std::size_t k, const LevelComponent& moved) {
          const std::size_t other = k == a ? b : a;
          return (k == a || k == b) ? !separation.apart(nearer.components[other], moved)
                                    : stays_apart(nearer, k, moved, separation);
        });
        if (nearer.log_likelihood < mixture.log_likelihood) continue;
      }
      closest = {a, b};
      least = approach.cost;
    }
  }
  if (!closest) return false;
  const auto [a, b] = *closest;
  const double weight = free[a].weight + free[b].weight;
  const auto between = [&](int LevelComponent::* layer) {
    const double mean = free[a].weight * free[a].*layer + free[b].weight * free[b].*layer;
    return static_cast<int>(std::lround(mean / std::max(weight, kTiny)));
  };
  LevelComponent joined{between(&LevelComponent::l_start), between(&LevelComponent::l_end), kStartJitters - 1,
                        kJitters.size() - 1, weight};
  mixture.components[a] = joined;
  mixture.components.erase(mixture.components.begin() + static_cast<std::ptrdiff_t>(b));
  return true;
}

}  // namespace

double probability(const LevelComponent& component, const LayerCell& cell) {
  const Bells& bell = bells();
  const std::size_t end = Bells::index(cell.l_end - component.l_end);
  return bell.at[component.start_jitter][Bells::index(cell.l_start - component.l_start)] *
         (cell.censored ? bell.from : bell.at)[component.end_jitter][end];
}

double noise_probability(const LevelMixture& mixture, const LayerCell& cell, int n_layers) {
  return mixture.hazard_weight * HazardTable(mixture, n_layers)(cell) +
         mixture.even_weight * even_probability(cell, n_layers);
}

bool Separation::apart(const LevelComponent& a, const LevelComponent& b) const {
  return std::abs(a.l_start - b.l_start) >= layers ||
         std::abs(std::min(a.l_end, horizon) - std::min(b.l_end, horizon)) >= layers;
}

void fit(LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers, const Separation& separation) {
  while (true) {
    const Shares shares = maximise(mixture, cells, n_layers, [&](std::size_t k, const LevelComponent& moved) {
      return stays_apart(mixture, k, moved, separation);
    });
    if (!join_closest(mixture, cells, shares, n_layers, separation)) return;
  }
}

double bayes_criterion(const LevelMixture& mixture, std::span<const LayerCell> cells) {
  double n_sinks = 0;
  for (const LayerCell& cell : cells) n_sinks += cell.weight;
  const double n_free = 5.0 * static_cast<double>(mixture.components.size()) + 2;
  return -2 * mixture.log_likelihood + n_free * std::log(std::max(1.0, n_sinks));
}

}  // namespace sinkscope
