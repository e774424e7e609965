#pragma once

#include <span>

#include "levels/mixture.h"

namespace sinkscope {

struct LevelSearch {
  Separation separation;
  int most_levels = 12;
  double min_sinks = 3;  // of a level
};

// The mixture with the lowest Bayes criterion, none of its levels with fewer than min_sinks. Levels are added one at a
// time where they explain most, and all are fitted together after each.
//
// cells  weights are numbers of sinks
// cost   O(levels x (cells^2 + fits)): milliseconds for a network's few hundred pairs
LevelMixture search_levels(std::span<const LayerCell> cells, int n_layers, const LevelSearch& search);

}  // namespace sinkscope
