#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/statistics/survival.h"
#include "formation/claim.h"

namespace sinkscope {

// What the claim asks of one run: sinks, and runs of 2 layers and more without attention evidence. Choosing by
// attention would cut off the outcome.
struct NormCase {
  int sequence = 0;
  int position = 0;
  TokenId token = 0;
  int l_start = 0;
  double log_norm_ratio = 0;                   // x, at l_start
  int block = 0;                               // the first behind l_start that sees the whole text
  double gap = 0;                              // y: the logit gap there
  std::optional<double> far_score;             // there
  std::optional<double> mlp_norm_ratio;        // of the MLP's write at l_start
  std::optional<double> read_alignment;        // at l_start
  std::optional<Lifetime> attention_lifetime;  // of sinks, censored as scanned
  std::optional<int> beyond_dilution;          // l_end - diluted_l_end, of sinks whose end was seen
};

struct LifetimeFigures {
  int n = 0, ends_seen = 0;
  std::optional<double> c;  // Harrell's, within one l_start
  std::optional<Interval> interval_95;
  std::optional<double> dilution_median, within_one_frac;  // of l_end - diluted_l_end
};

// How the logit gap follows the norm.
struct NormFigures {
  std::string kind;
  int n = 0, n_sequences = 0;
  std::vector<int> blocks;  // those that occur, ascending
  std::optional<double> spearman_gap, spearman_score;
  std::optional<double> partial_gap;  // within l_start and rank of position
  std::optional<double> partial_gap_within_token;
  std::optional<double> partial_score, partial_gap_of_write;  // for the far score; for the norm of the MLP's write
  std::optional<Interval> interval_95;                        // of partial_gap
  std::optional<double> p;
  std::optional<double> r2_log, slope_log;                           // of y on x
  std::optional<double> r2_inverse, gap_at_infinity, slope_inverse;  // of y on exp(-x), which saturates
  std::optional<double> r2_read_alignment, r2_position;
  LifetimeFigures lifetime;
};

struct NormClaim {
  NormFigures figures;
  std::vector<Claim> claims;  // norm, norm_lifetime
};

// Claim 2, of one kind of sinks: does their norm decide what attention they draw?
//
// cost  (n_permutations + n_bootstraps x regressions of 2 covariates) x cases
NormClaim norm_claim(std::span<const NormCase> cases, const std::string& kind, const ExplainOptions& options);

}  // namespace sinkscope
