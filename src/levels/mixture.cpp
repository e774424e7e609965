#include "levels/mixture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

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

// One of a component's two layers, and its jitter.
struct Axis {
  int centre;
  std::size_t jitter;
};

// The whole layer within two of the present centre, and the jitter, under which the weights are likeliest.
template <typename Allowed>
Axis best_axis(Axis now, std::size_t n_jitters, const LayerWeights& weights, const Allowed& allowed) {
  const Bells& bell = bells();
  Axis best = now;
  double best_value = -std::numeric_limits<double>::infinity();
  for (int centre = now.centre - 2; centre <= now.centre + 2; ++centre) {
    if (centre != now.centre && !allowed(centre)) continue;
    for (std::size_t jitter = 0; jitter < n_jitters; ++jitter) {
      double value = 0;
      for (std::size_t l = 0; l < weights.exact.size(); ++l) {
        const std::size_t offset = Bells::index(static_cast<int>(l) - centre);
        value += weights.exact[l] * bell.log_at[jitter][offset] + weights.censored[l] * bell.log_from[jitter][offset];
      }
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

void move_component(LevelMixture& mixture, std::size_t k, std::span<const LayerCell> cells,
                    std::span<const double> shares, int n_layers, const Separation& separation) {
  LayerWeights starts(n_layers), ends(n_layers);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    starts.exact[static_cast<std::size_t>(cells[i].l_start)] += shares[i];
    (cells[i].censored ? ends.censored : ends.exact)[static_cast<std::size_t>(cells[i].l_end)] += shares[i];
  }
  // Of censored ends any later centre would be as likely: none is put where no end was seen.
  int latest = n_layers - 1;
  const auto seen = [&](int l) {
    return ends.exact[static_cast<std::size_t>(l)] + ends.censored[static_cast<std::size_t>(l)];
  };
  while (latest > 0 && seen(latest) < 0.5) --latest;

  LevelComponent& component = mixture.components[k];
  component.l_end = std::min(component.l_end, latest);
  const auto may_move = [&](int LevelComponent::* layer) {
    return [&, layer](int centre) {
      LevelComponent moved = component;
      moved.*layer = centre;
      return centre >= 0 && moved.l_start < n_layers && moved.l_end <= latest &&
             stays_apart(mixture, k, moved, separation);
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
  constexpr int kMostIterations = 200;
  constexpr double kEnough = 1e-2;  // nats of log likelihood
  const std::size_t n_components = mixture.components.size();
  double total = 0;
  mixture.shortest = n_layers;
  for (const LayerCell& cell : cells) {
    total += cell.weight;
    mixture.shortest = std::min(mixture.shortest, cell.l_end - cell.l_start);
  }
  if (total <= 0) return;

  // shares[k][i] is how much of cell i belongs to component k.
  std::vector<std::vector<double>> shares(n_components, std::vector<double>(cells.size()));
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
    if (log_likelihood - before < kEnough && iteration > 0) return;
    before = log_likelihood;

    mixture.hazard_weight = hazard_sum / total;
    mixture.even_weight = even_sum / total;
    if (ends + layers_survived > 0) {
      mixture.hazard = std::clamp(ends / (ends + layers_survived), 0.01, 0.99);
    }
    for (std::size_t k = 0; k < n_components; ++k) {
      mixture.components[k].weight = sums[k] / total;
      if (sums[k] > 0) move_component(mixture, k, cells, shares[k], n_layers, separation);
    }
  }
}

double bayes_criterion(const LevelMixture& mixture, std::span<const LayerCell> cells) {
  double n_sinks = 0;
  for (const LayerCell& cell : cells) n_sinks += cell.weight;
  const double n_free = 5.0 * static_cast<double>(mixture.components.size()) + 2;
  return -2 * mixture.log_likelihood + n_free * std::log(std::max(1.0, n_sinks));
}

}  // namespace sinkscope
