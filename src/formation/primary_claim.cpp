#include "formation/primary_claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/index.h"
#include "base/statistics.h"

namespace sinkscope {
namespace {

// Mean over the blocks behind the starts minus that over the rest; places count from the span's first measured block.
//
// profile  [n] scores of the span's blocks; behind  [n]
double contrast(std::span<const float> profile, const std::vector<char>& behind, std::size_t shift) {
  double sum[2] = {}, n[2] = {};
  for (std::size_t i = 0; i < profile.size(); ++i) {
    const auto side = static_cast<std::size_t>(behind[(i + profile.size() - shift) % profile.size()]);
    sum[side] += static_cast<double>(profile[i]);
    n[side] += 1;
  }
  return sum[1] / n[1] - sum[0] / n[0];
}

}  // namespace

PrimaryClaim primary_claim(std::span<const PrimaryCase> cases, std::span<const int> starts, int n_layers,
                           const ExplainOptions& options) {
  PrimaryClaim result;
  PrimaryDip& dip = result.dip;
  Claim& claim = result.claim;
  claim.claim = "primary";
  claim.kind = "primary";
  claim.n_sequences = static_cast<int>(cases.size());
  claim.needs = fmt::format("{} layers in which the primary is active", options.min_span);
  dip.score_median.assign(index(n_layers), std::nullopt);
  dip.score_p05 = dip.score_p95 = dip.score_median;
  if (cases.empty()) {
    claim.sentence = "not enough: n = 0 sequences without secondary sinks, needs 1";
    return result;
  }
  std::vector<int> first, last;
  for (const PrimaryCase& one : cases) {
    first.push_back(one.first_layer);
    last.push_back(one.last_layer);
  }
  dip.first_block = upper_median_of(first) + 1;
  dip.last_block = std::min(upper_median_of(last) + 1, n_layers - 1);
  for (int block = 0; block < n_layers; ++block) {
    std::vector<float> scores;
    for (const PrimaryCase& one : cases) {
      if (one.far_score[index(block)]) scores.push_back(*one.far_score[index(block)]);
    }
    if (scores.empty()) continue;
    std::ranges::sort(scores);
    dip.score_median[index(block)] = sorted_quantile(scores, 0.5);
    dip.score_p05[index(block)] = sorted_quantile(scores, 0.05);
    dip.score_p95[index(block)] = sorted_quantile(scores, 0.95);
  }
  std::vector<float> profile;
  std::vector<char> behind;
  for (int block = dip.first_block; block <= dip.last_block; ++block) {
    if (!dip.score_median[index(block)]) continue;
    profile.push_back(*dip.score_median[index(block)]);
    behind.push_back(std::ranges::any_of(
        starts, [&](int start) { return start < block && block <= start + options.profile_blocks; }));
  }
  for (const int start : starts) {
    if (start + 1 >= dip.first_block && start + 1 <= dip.last_block) dip.starts.push_back(start);
  }
  const auto n_behind = static_cast<std::size_t>(std::ranges::count(behind, 1));
  if (n_behind == 0 || n_behind == behind.size()) {
    claim.sentence = "not enough: no layer in which secondary sinks begin elsewhere, needs 1; see --layers";
    return result;
  }
  dip.effect = contrast(profile, behind, 0);
  if (static_cast<int>(profile.size()) < options.min_span) {
    claim.sentence = fmt::format("not enough layers: n = {}, needs {}", profile.size(), options.min_span);
    return result;
  }
  int as_low = 0;
  for (std::size_t shift = 0; shift < profile.size(); ++shift) {
    if (contrast(profile, behind, shift) <= *dip.effect + 1e-12) ++as_low;
  }
  dip.p = static_cast<double>(as_low) / static_cast<double>(profile.size());
  claim.effect = dip.effect;
  claim.unit = "far score behind the layers in which secondary sinks begin, minus the rest";
  claim.p = dip.p;
  claim.null = 0;
  const bool coincides = *dip.effect < 0 && *dip.p <= options.primary_p;
  claim.verdict = coincides ? ClaimVerdict::kYes : ClaimVerdict::kNo;
  claim.sentence = fmt::format("{}: the primary's far score is {:.2f} {} there, p {:.2g} over {} layers",
                               coincides ? "coincides" : "does not coincide", std::abs(*dip.effect),
                               *dip.effect < 0 ? "lower" : "higher", *dip.p, profile.size());
  return result;
}

}  // namespace sinkscope
