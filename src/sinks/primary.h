#pragma once

#include <optional>
#include <vector>

#include "sinks/detection.h"

namespace sinkscope {

// Maximal intervals of consecutive layers in which the figure is measured and reaches the threshold.
std::vector<LayerInterval> intervals_over(const LayerFigures& figures, float threshold);

// Median, mean and largest of what is measured in layers [first, last].
struct Summary {
  std::optional<float> median, mean, max;
};
Summary summary_of(const LayerFigures& figures, int first, int last);

// The figures of a token's largest channels in one layer.
MassiveFigures massive_figures_of(const TokenProfile& token, int layer);

// The primary sink of a sequence, or why there is none.
struct PrimarySearch {
  std::optional<Primary> primary;
  std::string no_primary_reason;
  bool by_itself = false;  // whether the primary draws enough without the tokens that share its state
};
PrimarySearch find_primary(const SequenceFigures& figures, const Thresholds& thresholds);

}  // namespace sinkscope
