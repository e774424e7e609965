#include "base/statistics/components.h"

#include <Eigen/Dense>
#include <algorithm>

#include "base/error.h"

namespace sinkscope {

Components principal_components(MatrixView<const float> rows, std::size_t n_components) {
  if (rows.rows() == 0) throw Error(ErrorCode::kShape, "principal components: expected one row at least");
  const auto n = static_cast<Eigen::Index>(rows.rows()), d = static_cast<Eigen::Index>(rows.cols());
  Eigen::MatrixXd centred(n, d);
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto row = rows.row(static_cast<std::size_t>(i));
    for (Eigen::Index j = 0; j < d; ++j) centred(i, j) = row[static_cast<std::size_t>(j)];
  }
  const Eigen::RowVectorXd mean = centred.colwise().mean();
  centred.rowwise() -= mean;

  Components components;
  components.mean.assign(mean.data(), mean.data() + d);
  // The smaller of the two products has the same eigenvalues.
  const bool by_rows = n <= d;
  const Eigen::MatrixXd product =
      by_rows ? Eigen::MatrixXd(centred * centred.transpose()) : Eigen::MatrixXd(centred.transpose() * centred);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(product);
  const double total = product.trace();
  std::vector<Eigen::Index> kept;
  for (Eigen::Index i = product.rows(); i-- > 0 && kept.size() < n_components;) {
    if (solver.eigenvalues()(i) > 1e-12 * std::max(total, 1e-300)) kept.push_back(i);
  }
  components.directions = Matrix<double>(kept.size(), rows.cols());
  for (std::size_t c = 0; c < kept.size(); ++c) {
    Eigen::VectorXd direction = solver.eigenvectors().col(kept[c]);
    if (by_rows) direction = centred.transpose() * direction;
    direction.normalize();
    std::ranges::copy(direction, components.directions.row(c).begin());
    components.variance.push_back(solver.eigenvalues()(kept[c]) / total);
  }
  return components;
}

}  // namespace sinkscope
