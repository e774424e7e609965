#include "measure/candidates.h"

#include <algorithm>

namespace sinkscope {

std::vector<double> mean_norm_ratios(const Matrix<float>& hidden_norm,
                                     std::span<const std::optional<OrdinaryNorms>> ordinary,
                                     std::span<const int> candidates) {
  std::vector<double> means(candidates.size());
  for (std::size_t l = 0; l < ordinary.size(); ++l) {
    if (!ordinary[l] || !(ordinary[l]->median > 0)) continue;
    for (std::size_t c = 0; c < means.size(); ++c) {
      means[c] += static_cast<double>(hidden_norm(l, static_cast<std::size_t>(candidates[c])) / ordinary[l]->median) /
                  static_cast<double>(ordinary.size());
    }
  }
  return means;
}

std::vector<std::size_t> standing_candidates(const Matrix<float>& hidden_norm, int n_tokens, const TokenRoles& roles) {
  std::vector<std::optional<OrdinaryNorms>> ordinary;
  std::vector<float> scratch;
  for (std::size_t l = 0; l < hidden_norm.rows(); ++l) {
    ordinary.push_back(
        ordinary_norms(hidden_norm.row(l).first(static_cast<std::size_t>(n_tokens)), roles.may_be_ordinary, scratch));
  }
  const std::vector<double> means = mean_norm_ratios(hidden_norm, ordinary, roles.candidates);
  const bool all_came = roles.candidates.empty() || roles.candidates.back() < n_tokens;
  const double least = all_came ? kStandingShare * *std::ranges::max_element(means) : 0;
  std::vector<std::size_t> standing;
  for (std::size_t c = 0; c < means.size(); ++c) {
    if (means[c] >= least) standing.push_back(c);
  }
  return standing;
}

}  // namespace sinkscope
