#pragma once

#include <functional>
#include <string>
#include <vector>

#include "levels/levels.h"

namespace sinkscope {

// The levels of one results file.
struct FileLevels {
  std::string name;   // of the results file, without its folder
  std::string model;  // empty: not known
  bool imported = false;
  std::vector<std::string> kinds;  // of the sinks that levels are made of
  LevelReport report;
  std::function<std::string(TokenId)> token_bytes;  // none of imported records: nobody knows their vocabulary
};

// After block l, this fraction of the network's blocks is done: makes models of different depth comparable.
inline double depth_fraction(int layer, int n_layers) { return (layer + 1.0) / n_layers; }

}  // namespace sinkscope
