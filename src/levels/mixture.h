#pragma once

#include <array>
#include <span>
#include <vector>

namespace sinkscope {

// How often a pair (l_start, l_end) occurs; censored: the state lasted at least to l_end.
struct LayerCell {
  int l_start = 0;
  int l_end = 0;
  bool censored = false;
  double weight = 0;
};

// The jitter of a level's layers: a bell over whole layers with standard deviation about sigma.
//
//   P(layer) = exp(-(layer - centre)^2 / (2 sigma^2)) / its sum over all whole layers
inline constexpr std::array kJitters = {0.3, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8};
// Starts are sharp: wider than this is no level.
inline constexpr std::size_t kStartJitters = 6;

struct LevelComponent {
  int l_start = 0;
  int l_end = 0;
  std::size_t start_jitter = 1;  // index into kJitters
  std::size_t end_jitter = 2;
  double weight = 0;
};

// Levels and what belongs to none.
//
// Noise starts in any layer alike. One part of it lasts for `shortest` layers more and then ends with the same hazard
// in each; the other part has all pairs alike.
struct LevelMixture {
  std::vector<LevelComponent> components;
  double hazard_weight = 0.5, even_weight = 0.5;  // of the two parts of the noise
  int shortest = 0;                               // smallest l_end - l_start of all cells
  double hazard = 0.5;                            // chance that a state of the first part ends, per layer
  double log_likelihood = 0;
};

// P(cell) under one component alone, and under the noise with its weights. A censored cell has the probability of all
// ends from l_end on.
double probability(const LevelComponent& component, const LayerCell& cell);
double noise_probability(const LevelMixture& mixture, const LayerCell& cell, int n_layers);

// What keeps two levels apart: centres less than `separation` layers from each other in l_start and in l_end are one.
// Ends from `horizon` on all look alike, since they are censored, so they count as equal.
struct Separation {
  int layers = 3;
  int horizon = 0;
  bool apart(const LevelComponent& a, const LevelComponent& b) const;
};

// Expectation maximisation from the mixture given, until nothing changes much. Centres are whole layers and stay apart;
// levels whose members lie closer than that are one level afterwards, so there may be fewer than before.
//
// cost  O(iterations x cells x components)
void fit(LevelMixture& mixture, std::span<const LayerCell> cells, int n_layers, const Separation& separation);

// -2 log likelihood + (number of free numbers) x log(number of sinks). Each level has 5: two centres, two jitters and a
// weight; the noise has 2.
double bayes_criterion(const LevelMixture& mixture, std::span<const LayerCell> cells);

}  // namespace sinkscope
