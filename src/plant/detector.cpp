#include "plant/detector.h"

#include <Eigen/Cholesky>

#include "base/error.h"

namespace sinkscope {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowsView = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;

RowsView rows_of(MatrixView<const float> rows) {
  return {rows.data(), static_cast<Eigen::Index>(rows.rows()), static_cast<Eigen::Index>(rows.cols()),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(rows.stride()))};
}

}  // namespace

NormalEquations::NormalEquations(int width) : gram_(Eigen::MatrixXd::Zero(width, width)) {}

void NormalEquations::add(MatrixView<const float> rows) {
  if (rows.rows() == 0) return;
  const Eigen::MatrixXd columns = rows_of(rows).transpose().cast<double>();
  gram_.selfadjointView<Eigen::Lower>().rankUpdate(columns);
  n_rows_ += static_cast<std::int64_t>(rows.rows());
}

std::vector<float> NormalEquations::detector(std::span<const double> target, MatrixView<const float> controls,
                                             double weight, double ridge) const {
  Eigen::MatrixXd system = gram_;
  const double trace = gram_.trace();
  if (controls.rows() > 0) {
    const Eigen::MatrixXd columns = rows_of(controls).transpose().cast<double>();
    system.selfadjointView<Eigen::Lower>().rankUpdate(columns, weight / static_cast<double>(controls.rows()));
  }
  system.diagonal().array() += ridge * trace / static_cast<double>(gram_.rows());
  const Eigen::Map<const Eigen::VectorXd> mean(target.data(), static_cast<Eigen::Index>(target.size()));
  const Eigen::LDLT<Eigen::MatrixXd> solver(system.selfadjointView<Eigen::Lower>());
  const Eigen::VectorXd solution = solver.solve(mean);
  const double scale = solution.dot(mean);
  if (solver.info() != Eigen::Success || !solution.allFinite() || !(scale > 0)) {
    throw Error(ErrorCode::kInput,
                "planting: expected to tell the token from others by a linear map; the regression has no solution; use "
                "a longer calibration text");
  }
  std::vector<float> weights(target.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(solution[static_cast<Eigen::Index>(i)] / scale);
  }
  return weights;
}

}  // namespace sinkscope
