#pragma once

#include <span>
#include <string_view>

namespace sinkscope {

// What maps, rows and heads are drawn of: figures of sinks/fields.h, with what a reader should know.
// web/src/data/quantities.ts has the same list, and a test compares the two.
struct Quantity {
  std::string_view id, name, unit;
  bool cosine;
  float floor;  // colours begin here; what is smaller is of no interest
};

// In the order in which they are offered.
std::span<const Quantity> quantities();

// The quantity of that name, or null.
const Quantity* quantity_named(std::string_view id);

}  // namespace sinkscope
