#include "formation/norm_claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "base/statistics/permutation.h"
#include "base/statistics/ranks.h"
#include "base/views.h"
#include "base/words.h"

namespace sinkscope {
namespace {

using Figure = std::function<std::optional<double>(const NormCase&)>;

double gap_of(const NormCase& one) { return one.gap; }
double x_of(const NormCase& one) { return one.log_norm_ratio; }

// Cases of which both figures are measured.
struct Pairs {
  std::vector<const NormCase*> cases;
  std::vector<double> x, y;
};

Pairs pairs_of(std::span<const NormCase* const> cases, const Figure& x, const Figure& y) {
  Pairs pairs;
  for (const NormCase* one : cases) {
    const auto of_x = x(*one), of_y = y(*one);
    if (!of_x || !of_y) continue;
    pairs.cases.push_back(one);
    pairs.x.push_back(*of_x);
    pairs.y.push_back(*of_y);
  }
  return pairs;
}

// l_start, the rank of the position, and, within tokens, one column a token.
Matrix<double> covariates_of(const std::vector<const NormCase*>& cases, bool within_token) {
  std::vector<double> positions;
  std::map<TokenId, std::size_t> column;
  for (const NormCase* one : cases) {
    positions.push_back(one->position);
    if (within_token) column.try_emplace(one->token, column.size());
  }
  const std::vector<double> ranks = ranks_of(positions);
  Matrix<double> covariates(2 + column.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    covariates(0, i) = cases[i]->l_start;
    covariates(1, i) = ranks[i];
    if (within_token) covariates(2 + column.at(cases[i]->token), i) = 1;
  }
  return covariates;
}

std::optional<double> partial(const Pairs& pairs, bool within_token = false) {
  if (pairs.cases.size() < 3) return std::nullopt;
  return partial_spearman(pairs.x, pairs.y, covariates_of(pairs.cases, within_token).view());
}

std::vector<const NormCase*> pointers(std::span<const NormCase> cases) {
  std::vector<const NormCase*> all;
  for (const NormCase& one : cases) all.push_back(&one);
  return all;
}

// Cases whose token occurs often enough.
std::vector<const NormCase*> of_common_tokens(std::span<const NormCase> cases, int least) {
  std::map<TokenId, int> counts;
  for (const NormCase& one : cases) ++counts[one.token];
  std::vector<const NormCase*> common;
  for (const NormCase& one : cases) {
    if (counts[one.token] >= least) common.push_back(&one);
  }
  return common;
}

// Interval of a statistic of cases, by drawing whole sequences.
std::optional<Interval> interval_over_sequences(
    std::span<const NormCase> cases, const ExplainOptions& options,
    const std::function<std::optional<double>(std::span<const NormCase* const>)>& statistic) {
  std::map<int, std::vector<const NormCase*>> by_sequence;
  for (const NormCase& one : cases) by_sequence[one.sequence].push_back(&one);
  std::vector<std::vector<const NormCase*>> clusters;
  for (auto& [sequence, members] : by_sequence) clusters.push_back(std::move(members));
  std::vector<const NormCase*> drawn;
  return bootstrap_interval(clusters.size(), {options.n_bootstraps, options.seed, 0.95},
                            [&](std::span<const std::uint32_t> weights) {
                              drawn.clear();
                              for (std::size_t i = 0; i < clusters.size(); ++i) {
                                for (std::uint32_t copy = 0; copy < weights[i]; ++copy) {
                                  drawn.insert(drawn.end(), clusters[i].begin(), clusters[i].end());
                                }
                              }
                              return statistic(drawn);
                            });
}

std::optional<double> p_of(const Pairs& pairs, const ExplainOptions& options) {
  const Matrix<double> covariates = covariates_of(pairs.cases, false);
  const std::vector<double> x = residuals_of(ranks_of(pairs.x), covariates.view());
  const std::vector<double> y = residuals_of(ranks_of(pairs.y), covariates.view());
  std::vector<int> sequences;
  for (const NormCase* one : pairs.cases) sequences.push_back(one->sequence);
  return p_dependence(x, y, sequences, {options.n_permutations, options.seed});
}

std::optional<double> c_of(std::span<const NormCase* const> cases) {
  std::vector<Lifetime> lifetimes;
  std::vector<double> x;
  std::vector<int> strata;
  for (const NormCase* one : cases) {
    if (!one->attention_lifetime) continue;
    lifetimes.push_back(*one->attention_lifetime);
    x.push_back(one->log_norm_ratio);
    strata.push_back(one->l_start);
  }
  const auto concordance = harrell_c(lifetimes, x, strata);
  return concordance ? std::optional(concordance->c) : std::nullopt;
}

LifetimeFigures lifetime_of(std::span<const NormCase> cases, const ExplainOptions& options) {
  LifetimeFigures figures;
  std::vector<double> beyond;
  for (const NormCase& one : cases) {
    if (one.attention_lifetime) {
      ++figures.n;
      if (one.attention_lifetime->ended) ++figures.ends_seen;
    }
    if (one.beyond_dilution) beyond.push_back(*one.beyond_dilution);
  }
  if (!beyond.empty()) {
    figures.dilution_median = median_of(std::span<double>(beyond));
    const auto within = std::ranges::count_if(beyond, [](double layers) { return std::abs(layers) <= 1; });
    figures.within_one_frac = static_cast<double>(within) / static_cast<double>(beyond.size());
  }
  if (figures.ends_seen < options.min_ends) return figures;
  figures.c = c_of(pointers(cases));
  if (figures.c) figures.interval_95 = interval_over_sequences(cases, options, c_of);
  return figures;
}

Claim lifetime_claim(const NormFigures& norm, const ExplainOptions& options) {
  const LifetimeFigures& lifetime = norm.lifetime;
  const Needed needed{options.min_ends, 1};
  if (lifetime.ends_seen < options.min_ends || !lifetime.dilution_median) {
    return not_enough("norm_lifetime", norm.kind, lifetime.ends_seen, norm.n_sequences, needed, "seen end");
  }
  Claim claim;
  claim.claim = "norm_lifetime";
  claim.kind = norm.kind;
  claim.n_sinks = lifetime.n;
  claim.n_sequences = norm.n_sequences;
  claim.needs = text_of(needed, "seen end");
  claim.effect = lifetime.dilution_median;
  claim.unit = "layers by which a sink outlasts dilution, median";
  // Within one l_start dilution follows the norm, so C cannot refute the claim: it is reported, not judged.
  claim.verdict = *lifetime.within_one_frac >= 0.5 ? ClaimVerdict::kYes : ClaimVerdict::kNo;
  const double median = *lifetime.dilution_median;
  if (std::abs(median) <= 1) {
    claim.sentence = fmt::format("ends within one layer of dilution in {:.0f} %", 100 * *lifetime.within_one_frac);
  } else if (median > 0) {
    claim.sentence = fmt::format("outlasts dilution by {} layers", median);
  } else {
    claim.sentence = fmt::format("ends {} layers before it is diluted", -median);
  }
  return claim;
}

}  // namespace

NormClaim norm_claim(std::span<const NormCase> cases, const std::string& kind, const ExplainOptions& options) {
  NormClaim result;
  NormFigures& figures = result.figures;
  figures.kind = kind;
  figures.n = static_cast<int>(cases.size());
  std::set<int> sequences, blocks;
  for (const NormCase& one : cases) {
    sequences.insert(one.sequence);
    blocks.insert(one.block);
  }
  figures.n_sequences = static_cast<int>(sequences.size());
  figures.blocks.assign(blocks.begin(), blocks.end());
  figures.lifetime = lifetime_of(cases, options);

  const auto all = pointers(cases);
  const Pairs gaps = pairs_of(all, x_of, gap_of);
  const Pairs scores = pairs_of(all, x_of, [](const NormCase& one) { return one.far_score; });
  const Pairs writes = pairs_of(all, [](const NormCase& one) { return one.mlp_norm_ratio; }, gap_of);
  const Pairs reads = pairs_of(all, [](const NormCase& one) { return one.read_alignment; }, gap_of);
  const Pairs positions = pairs_of(all, [](const NormCase& one) { return std::log(1.0 + one.position); }, gap_of);
  const Pairs inverse = pairs_of(all, [](const NormCase& one) { return std::exp(-one.log_norm_ratio); }, gap_of);
  figures.spearman_gap = spearman(gaps.x, gaps.y);
  figures.spearman_score = spearman(scores.x, scores.y);
  figures.partial_gap = partial(gaps);
  figures.partial_score = partial(scores);
  figures.partial_gap_of_write = partial(writes);
  const auto common = of_common_tokens(cases, options.min_token_runs);
  figures.partial_gap_within_token = partial(pairs_of(common, x_of, gap_of), true);
  if (const auto fit = fit_line(gaps.x, gaps.y)) {
    figures.r2_log = fit->r2;
    figures.slope_log = fit->slope;
  }
  if (const auto fit = fit_line(inverse.x, inverse.y)) {
    figures.r2_inverse = fit->r2;
    figures.gap_at_infinity = fit->intercept;
    figures.slope_inverse = fit->slope;
  }
  if (const auto fit = fit_line(reads.x, reads.y)) figures.r2_read_alignment = fit->r2;
  if (const auto fit = fit_line(positions.x, positions.y)) figures.r2_position = fit->r2;

  const Needed needed{options.min_norm_runs, options.min_norm_sequences};
  if (figures.n < needed.sinks || figures.n_sequences < needed.sequences || !figures.partial_gap) {
    result.claims.push_back(not_enough("norm", kind, figures.n, figures.n_sequences, needed, "run"));
  } else {
    figures.p = p_of(gaps, options);
    figures.interval_95 = interval_over_sequences(
        cases, options, [](std::span<const NormCase* const> drawn) { return partial(pairs_of(drawn, x_of, gap_of)); });
    Claim claim;
    claim.claim = "norm";
    claim.kind = kind;
    claim.n_sinks = figures.n;
    claim.n_sequences = figures.n_sequences;
    claim.needs = text_of(needed, "run");
    claim.effect = figures.partial_gap;
    claim.unit = "Spearman's correlation of norm and logit gap within l_start and position";
    claim.interval_95 = figures.interval_95;
    claim.p = figures.p;
    claim.null = 0;
    if (figures.interval_95) {
      const Interval& interval = *figures.interval_95;
      if (interval.low > 0 && *figures.p <= options.max_p) {
        claim.verdict = ClaimVerdict::kYes;
      } else {
        claim.verdict = interval.high <= 0 ? ClaimVerdict::kNo : ClaimVerdict::kUnclear;
      }
    } else {
      claim.verdict = ClaimVerdict::kUnclear;
    }
    claim.sentence = fmt::format("logit gap and norm: partial Spearman {}, p {:.2g}", fixed(*claim.effect, 2), *claim.p);
    if (figures.r2_inverse) {
      claim.sentence +=
          fmt::format("; gap = {} {} {:.1f} / norm ratio (R^2 {:.2f})", fixed(*figures.gap_at_infinity, 2),
                      *figures.slope_inverse < 0 ? "-" : "+", std::abs(*figures.slope_inverse), *figures.r2_inverse);
    }
    result.claims.push_back(std::move(claim));
  }
  result.claims.push_back(lifetime_claim(figures, options));
  return result;
}

}  // namespace sinkscope
