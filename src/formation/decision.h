#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/views.h"

namespace sinkscope {

// The vectors of one sink and of its controls, all of one token.
struct DecisionSet {
  int sequence = 0;
  Matrix<float> members;  // [1 + n_controls, d]; the sink is row 0
};

// How well a direction that other sequences tell parts sinks from like tokens.
struct Discrimination {
  std::optional<double> auc;  // nothing unless two sequences have sets
  // The same as any member of a set, equally likely, is taken for its sink.
  std::optional<double> null_p50, null_p95;
  std::optional<double> p;  // one-sided
};

// Area under the ROC curve of a nearest-mean score, over pairs of a sink and a control of its set.
//
//   score(x) = sum over channels of x (mean of sinks - mean of controls) / variance
//
// Means and variances are of the other sequences' sets; a channel that does not vary there says nothing.
//
// sets    all of one width
// cost    (n_draws + 1) x members x d
Discrimination discriminate(std::span<const DecisionSet> sets, int n_draws, std::uint64_t seed);

}  // namespace sinkscope
