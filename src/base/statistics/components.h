#pragma once

#include <vector>

#include "base/views.h"

namespace sinkscope {

// Principal components of rows, about their mean.
struct Components {
  std::vector<double> mean;      // [d]
  Matrix<double> directions;     // [n_components, d], unit length; signs are arbitrary
  std::vector<double> variance;  // [n_components], descending: fraction of the rows' total variance
};

// rows          [n, d]
// n_components  at most; directions of no variance (1e-12 of the largest) are left out
// throws        Error{kShape} if there are no rows
// cost          O(n d min(n, d) + min(n, d)^3)
Components principal_components(MatrixView<const float> rows, std::size_t n_components);

}  // namespace sinkscope
