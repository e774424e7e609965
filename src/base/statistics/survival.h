#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sinkscope {

// How long something lasted, or how long at least.
struct Lifetime {
  double time = 0;
  bool ended = false;  // else censored: it lasted to `time` and was no longer seen
};

// One step of a Kaplan-Meier curve.
struct SurvivalStep {
  double time = 0;
  std::int64_t at_risk = 0;  // lasted to `time`: of those that end or are censored at it, all
  std::int64_t ended = 0;
  std::int64_t censored = 0;
  double survival = 1;  // fraction that lasts longer than `time`
};

// The Kaplan-Meier estimate, one step for each time that occurs. Of lifetimes censored at a time at which others end,
// it is known that they lasted longer: they are at risk there.
//
// source  Kaplan and Meier 1958
std::vector<SurvivalStep> kaplan_meier(std::span<const Lifetime> lifetimes);

// The first time at which survival is at most one half (exactly one half counts, whatever the rounding); nothing if it
// stays above.
std::optional<double> median_survival(std::span<const SurvivalStep> steps);

// Harrell's C: how often, of two lifetimes in one stratum of which it is known which is longer, the longer one has the
// higher score; equal scores count one half.
struct Concordance {
  std::int64_t pairs = 0;  // of which it is known which is longer
  double c = 0;
};

// Two lifetimes are comparable if the shorter ended, or if both are equally long and just one of them ended (the other
// lasted longer).
//
// scores   [n]
// strata   [n], or empty: one stratum
// returns  nothing without a comparable pair
// throws   Error{kShape} if lengths differ
// cost     O(n^2)
// source   Harrell, Lee and Mark 1996
std::optional<Concordance> harrell_c(std::span<const Lifetime> lifetimes, std::span<const double> scores,
                                     std::span<const int> strata);

}  // namespace sinkscope
