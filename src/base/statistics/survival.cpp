#include "base/statistics/survival.h"

#include <map>

#include "base/error.h"

namespace sinkscope {
namespace {

constexpr double kHalf = 0.5 + 1e-12;  // rounding must not move the median

// Whether it is known that b lasted longer than a.
bool outlasts(const Lifetime& b, const Lifetime& a) {
  return a.ended && (b.time > a.time || (b.time == a.time && !b.ended));
}

}  // namespace

std::vector<SurvivalStep> kaplan_meier(std::span<const Lifetime> lifetimes) {
  std::map<double, SurvivalStep> by_time;
  for (const Lifetime& lifetime : lifetimes) {
    SurvivalStep& step = by_time[lifetime.time];
    ++(lifetime.ended ? step.ended : step.censored);
  }
  std::vector<SurvivalStep> steps;
  double survival = 1;
  auto at_risk = static_cast<std::int64_t>(lifetimes.size());
  for (auto& [time, step] : by_time) {
    step.time = time;
    step.at_risk = at_risk;
    survival *= 1 - static_cast<double>(step.ended) / static_cast<double>(at_risk);
    step.survival = survival;
    at_risk -= step.ended + step.censored;
    steps.push_back(step);
  }
  return steps;
}

std::optional<double> median_survival(std::span<const SurvivalStep> steps) {
  for (const SurvivalStep& step : steps) {
    if (step.survival <= kHalf) return step.time;
  }
  return std::nullopt;
}

std::optional<Concordance> harrell_c(std::span<const Lifetime> lifetimes, std::span<const double> scores,
                                     std::span<const int> strata) {
  if (scores.size() != lifetimes.size() || (!strata.empty() && strata.size() != lifetimes.size())) {
    throw Error(ErrorCode::kShape, "concordance: expected a score and a stratum for each lifetime");
  }
  Concordance concordance;
  double right = 0;
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    for (std::size_t j = 0; j < lifetimes.size(); ++j) {
      if (!outlasts(lifetimes[j], lifetimes[i]) || (!strata.empty() && strata[i] != strata[j])) continue;
      ++concordance.pairs;
      right += scores[j] > scores[i] ? 1.0 : scores[j] == scores[i] ? 0.5 : 0.0;
    }
  }
  if (concordance.pairs == 0) return std::nullopt;
  concordance.c = right / static_cast<double>(concordance.pairs);
  return concordance;
}

}  // namespace sinkscope
