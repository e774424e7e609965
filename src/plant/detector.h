#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "base/views.h"

namespace sinkscope {

// The normal equations of a ridge regression whose rows stream by.
class NormalEquations {
 public:
  explicit NormalEquations(int width);

  // rows  [n, width] float32
  // cost  O(n * width^2); memory never grows with the rows
  void add(MatrixView<const float> rows);

  // The linear detector of a few rows among all that were added.
  //
  //   w = (X^T X + weight * C^T C + ridge * trace(X^T X) / width * I)^-1 target, scaled so that w . target = 1
  //
  // target    [width] mean of the rows to be found
  // controls  [n, width] rows that must not be found, together worth as much as `weight` says; may be empty
  // returns   [width]
  // throws    Error{kInput} if the system has no solution
  // cost      O(width^3)
  std::vector<float> detector(std::span<const double> target, MatrixView<const float> controls, double weight,
                              double ridge) const;

  std::int64_t n_rows() const { return n_rows_; }

 private:
  Eigen::MatrixXd gram_;  // lower triangle
  std::int64_t n_rows_ = 0;
};

}  // namespace sinkscope
