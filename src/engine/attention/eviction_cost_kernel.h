#pragma once

// The inner loop of eviction costs, compiled for each instruction set and chosen at run time. Only eviction_cost.cpp
// calls it.

#include <cstddef>

namespace sinkscope::attention_kernel {

// Watched keys are padded to a multiple of this: no vector has more lanes.
inline constexpr int kPaddedKeys = 16;
// Queries that are taken together.
inline constexpr int kEvictionRows = 4;

// For each row r and key k:
//   cost[k]     += (p / (1 - p))^2 * sum over j of (values[j, k] - outputs[r][j])^2,   p = attention[r, k]
//   left_out[k] += 1 and cost[k] += 0 instead, where p > most_attention
//
// outputs    kEvictionRows vectors of value_dim
// values     [value_dim, stride]
// attention  [kEvictionRows, stride]
// keys       [first, last), multiples of kPaddedKeys; cost and left_out [stride]
void add_eviction_rows(const float* const* outputs, const float* values, const float* attention, int value_dim,
                       std::size_t stride, int first, int last, float most_attention, float* cost, float* left_out);

}  // namespace sinkscope::attention_kernel
