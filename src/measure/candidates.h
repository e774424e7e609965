#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/views.h"
#include "measure/ordinary.h"
#include "measure/token_roles.h"

namespace sinkscope {

// After fewer tokens than this no candidate is given up.
inline constexpr int kSettlingTokens = 256;
inline constexpr double kStandingShare = 0.25;

// Norm ratios of candidates, as means over layers; a layer without a positive median counts 0.
//
// hidden_norm  [n_layers, n_tokens]
// ordinary     [n_layers], empty where there is none
// candidates   their positions
// returns      [n_candidates]
std::vector<double> mean_norm_ratios(const Matrix<float>& hidden_norm,
                                     std::span<const std::optional<OrdinaryNorms>> ordinary,
                                     std::span<const int> candidates);

// Candidates that may still turn out to have the largest mean norm ratio of a longer sequence: those that have a
// quarter (kStandingShare) of the largest now. Another overtakes only where medians of layers move apart by more than a
// factor of 4.
//
// n_tokens  how many tokens hidden_norm holds so far
// returns   indices into roles.candidates, ascending: at least one; all of them, if some have not come yet or no token
//           may be ordinary
std::vector<std::size_t> standing_candidates(const Matrix<float>& hidden_norm, int n_tokens, const TokenRoles& roles);

}  // namespace sinkscope
