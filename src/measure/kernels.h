#pragma once

#include <cstddef>
#include <span>

#include "base/ids.h"
#include "base/views.h"

namespace sinkscope {

// What one vector shows against the 8 candidates of its sequence.
struct RowProducts {
  float squared_norm = 0;
  float dots[kPrimaryCandidates] = {};
};

// Products of one vector, of length width = candidates.cols().
//
//   squared_norm = sum of row[i]^2, dots[c] = sum of row[i] * candidates[c, i]
//
// candidates  [8, width]; rows of zeros stand for candidates that there are not
// cost        9 x width multiply-adds; the row is read once
RowProducts row_products(const float* row, MatrixView<const float> candidates);

// The same of row - origin.
RowProducts shifted_row_products(const float* row, const float* origin, MatrixView<const float> candidates);

// The state after a block, and what the MLP wrote.
struct BlockProducts {
  RowProducts state;
  RowProducts write;
};

// Products of h_l[t] and of h_l[t] - r_l[t], in one pass; then h_l[t] takes the place of r_l[t].
//
// running  r_l[t] comes, h_l[t] is left there
BlockProducts block_products(const float* state, float* running, MatrixView<const float> candidates);

// Squared norm of state - running; then running is state.
float step_squared_norm(const float* state, float* running, std::size_t width);

// total[i] += values[i]
//
// returns  the sum of values, in float32 by lanes: relative error about 1e-6
float add_and_sum(std::span<const float> values, float* total);

}  // namespace sinkscope
