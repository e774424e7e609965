#include "base/vectors.h"

#include <cmath>
#include <cstddef>

namespace sinkscope {

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double length_of(std::span<const float> vector) { return std::sqrt(dot(vector, vector)); }

}  // namespace sinkscope
