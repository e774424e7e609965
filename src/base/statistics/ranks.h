#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/views.h"

namespace sinkscope {

// Ranks from 1; equal values share the mean of their ranks.
//
// cost  O(n log n)
std::vector<double> ranks_of(std::span<const double> values);

// Pearson's correlation; nothing where a side does not vary or there are under 2 values.
//
// x, y    [n] each
// throws  Error{kShape} if their lengths differ
std::optional<double> pearson(std::span<const double> x, std::span<const double> y);

// Pearson's correlation of ranks. source: Spearman 1904
std::optional<double> spearman(std::span<const double> x, std::span<const double> y);

// y without what an intercept and the covariates explain of it by least squares. Covariates may depend on one another.
//
// y           [n]
// covariates  [n_covariates, n]
// returns     [n], summing to 0
// throws      Error{kShape} if the covariates' length is not n
// cost        O(n x n_covariates^2)
std::vector<double> residuals_of(std::span<const double> y, MatrixView<const double> covariates);

// Spearman's correlation of x and y within what the covariates leave: both are ranked, the covariates are regressed out
// of both ranks, and the residuals are correlated.
//
// nothing where a side's residuals do not vary (below 1e-9 of its ranks' spread)
std::optional<double> partial_spearman(std::span<const double> x, std::span<const double> y,
                                       MatrixView<const double> covariates);

// y = intercept + slope * x by least squares.
struct LineFit {
  double slope = 0;
  double intercept = 0;
  double r2 = 0;  // fraction of y's variance that the line explains
};

// nothing where x or y does not vary, or there are under 3 values
std::optional<LineFit> fit_line(std::span<const double> x, std::span<const double> y);

}  // namespace sinkscope
