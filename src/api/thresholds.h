#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sinks/detection.h"

namespace sinkscope {

// A threshold of the evidence rule, as a program that takes them by name must know it.
struct ThresholdInfo {
  std::string name, help;
  bool is_whole = false;  // a whole number
  double value = 0;       // by default
  double least = 0, most = 0;
};

// All of them: the program's options without their dashes.
std::vector<ThresholdInfo> threshold_infos();

// The defaults with some of them changed.
//
// throws  Error{kUsage} for a name that there is not, or a value out of its range
Thresholds thresholds_from(std::span<const std::pair<std::string, double>> changes);

}  // namespace sinkscope
