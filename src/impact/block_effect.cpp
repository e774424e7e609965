#include "impact/block_effect.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

// One head and query of one run.
struct Pair {
  double a, m, log_z;
  bool has_logs() const { return m <= kMostMass && a + m <= kMostMass && a > 0; }
  double log_odds() const { return std::log(a) - std::log(1 - a - m); }
};

Pair pair_at(const BlockRecord& record, std::size_t group, std::size_t i) {
  return {static_cast<double>(record.primary[i]), static_cast<double>(record.groups[group][i]),
          static_cast<double>(record.log_z[i])};
}

LogChanges changes_of(const Pair& before, const Pair& after) {
  LogChanges changes;
  const double rest = std::log1p(-after.m) - std::log1p(-before.m);
  changes.log_a = std::log(after.a) - std::log(before.a);
  changes.own_logit = changes.log_a + after.log_z - before.log_z;
  changes.competition = rest;
  changes.other_keys = before.log_z - after.log_z - rest;
  changes.log_odds = after.log_odds() - before.log_odds();
  changes.competition_score = before.a * (1 - after.m) / (1 - before.m) - before.a;
  return changes;
}

struct LogSums {
  LogChanges sum;
  std::int64_t n = 0;
  void add(const LogChanges& more, std::int64_t count) {
    sum.log_a += more.log_a;
    sum.own_logit += more.own_logit;
    sum.competition += more.competition;
    sum.other_keys += more.other_keys;
    sum.log_odds += more.log_odds;
    sum.competition_score += more.competition_score;
    n += count;
  }
  std::optional<LogChanges> mean() const {
    if (n == 0) return std::nullopt;
    const auto of = static_cast<double>(n);
    return LogChanges{sum.log_a / of,      sum.own_logit / of, sum.competition / of,
                      sum.other_keys / of, sum.log_odds / of,  sum.competition_score / of};
  }
};

}  // namespace

PrimaryFigures primary_figures(const BlockRecord& base, std::size_t group) {
  PrimaryFigures figures;
  double log_a = 0, log_z = 0, log_odds = 0, n = 0;
  const std::size_t n_pairs = base.primary.size();
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const Pair pair = pair_at(base, group, i);
    figures.score += pair.a / static_cast<double>(n_pairs);
    figures.removed_mass += pair.m / static_cast<double>(n_pairs);
    if (!pair.has_logs()) continue;
    log_a += std::log(pair.a);
    log_z += pair.log_z;
    log_odds += pair.log_odds();
    ++n;
  }
  if (n > 0) {
    figures.log_a = log_a / n;
    figures.log_z = log_z / n;
    figures.logit = (log_a + log_z) / n;
    figures.log_odds = log_odds / n;
  }
  return figures;
}

BlockEffect block_effect(const BlockRecord& base, std::size_t group, const BlockRecord& edited) {
  if (base.n_heads != edited.n_heads || base.queries != edited.queries || base.queries.empty()) {
    throw Error(ErrorCode::kInternal, "effect: expected the same heads and queries of two runs, got others");
  }
  const std::size_t n_heads = index(base.n_heads), n_queries = base.queries.size();
  BlockEffect effect;
  LogSums all, of_primary_heads;
  double primary_score = 0;
  for (std::size_t h = 0; h < n_heads; ++h) {
    LogSums of_head;
    double before = 0, after = 0;
    for (std::size_t q = 0; q < n_queries; ++q) {
      const Pair was = pair_at(base, group, q * n_heads + h), is = pair_at(edited, 0, q * n_heads + h);
      before += was.a / static_cast<double>(n_queries);
      after += is.a / static_cast<double>(n_queries);
      effect.removed_mass += (is.m - was.m) / static_cast<double>(n_queries * n_heads);
      if (was.has_logs() && is.has_logs()) {
        of_head.add(changes_of(was, is), 1);
      } else {
        ++effect.left_out;
      }
    }
    effect.score_by_head.push_back(after - before);
    effect.score += (after - before) / static_cast<double>(n_heads);
    all.add(of_head.sum, of_head.n);
    if (before < kPrimaryHeadAttention && after < kPrimaryHeadAttention) continue;
    ++effect.n_primary_heads;
    primary_score += after - before;
    of_primary_heads.add(of_head.sum, of_head.n);
  }
  effect.logs = all.mean();
  effect.primary_heads = of_primary_heads.mean();
  if (effect.n_primary_heads > 0) effect.primary_heads_score = primary_score / effect.n_primary_heads;
  return effect;
}

double mean_mass(const BlockRecord& record, std::size_t group) {
  double sum = 0;
  for (const float mass : record.groups[group]) sum += static_cast<double>(mass);
  return sum / static_cast<double>(record.groups[group].size());
}

}  // namespace sinkscope
