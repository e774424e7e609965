#pragma once

#include <span>

namespace sinkscope {

// Products and norms of float32 vectors, added up in double.
//
// a, b  of equal length
double dot(std::span<const float> a, std::span<const float> b);
double length_of(std::span<const float> vector);

}  // namespace sinkscope
