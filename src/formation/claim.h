#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/statistics/intervals.h"
#include "formation/explain_options.h"

namespace sinkscope {

enum class ClaimVerdict { kYes, kNo, kUnclear, kNotEnough };
std::string_view name_of(ClaimVerdict verdict);  // "yes", "no", "unclear", "not enough"

// One claim of the paper, judged.
struct Claim {
  std::string claim;  // "formation", "formation_together", "formation_single", "norm", "primary"
  std::string kind;   // of sinks
  ClaimVerdict verdict = ClaimVerdict::kNotEnough;
  std::string sentence;
  // Without enough sinks: no number.
  std::optional<double> effect;
  std::string unit;
  std::optional<Interval> interval_95;
  std::optional<double> p;
  std::optional<double> null;  // what the effect is where the claim is false by construction
  int n_sinks = 0, n_sequences = 0;
  std::string needs;  // "8 sinks in 5 sequences"
};

// How many are needed.
struct Needed {
  int sinks = 0, sequences = 0;
};
// "8 sinks in 5 sequences"
std::string text_of(const Needed& needed, std::string_view noun = "sink");

// A claim of too few: "not enough: n = 2 sinks in 1 sequence, needs 8 in 5".
Claim not_enough(std::string claim, std::string kind, int n_sinks, int n_sequences, const Needed& needed,
                 std::string_view noun = "sink");

// Of a fraction: yes if the interval lies at `level` or above, no if it lies below.
ClaimVerdict verdict_of(const std::optional<Interval>& interval, double level = 0.5);

}  // namespace sinkscope
