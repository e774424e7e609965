#include "formation/claim.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/words.h"

namespace sinkscope {
std::string_view name_of(ClaimVerdict verdict) {
  switch (verdict) {
    case ClaimVerdict::kYes:
      return "yes";
    case ClaimVerdict::kNo:
      return "no";
    case ClaimVerdict::kUnclear:
      return "unclear";
    case ClaimVerdict::kNotEnough:
      return "not enough";
  }
  throw Error(ErrorCode::kInternal, "claim: unknown verdict");
}

std::string text_of(const Needed& needed, std::string_view noun) {
  const std::string sinks = count_of(needed.sinks, noun);
  return needed.sequences > 1 ? fmt::format("{} in {}", sinks, count_of(needed.sequences, "sequence")) : sinks;
}

Claim not_enough(std::string claim, std::string kind, int n_sinks, int n_sequences, const Needed& needed,
                 std::string_view noun) {
  Claim result;
  result.claim = std::move(claim);
  result.kind = std::move(kind);
  result.n_sinks = n_sinks;
  result.n_sequences = n_sequences;
  result.needs = text_of(needed, noun);
  result.sentence = fmt::format("not enough: n = {} in {}, needs {}", count_of(n_sinks, noun),
                                count_of(n_sequences, "sequence"), needed.sinks);
  if (needed.sequences > 1) result.sentence += fmt::format(" in {}", needed.sequences);
  return result;
}

ClaimVerdict verdict_of(const std::optional<Interval>& interval, double level) {
  if (!interval) return ClaimVerdict::kUnclear;
  if (interval->low >= level) return ClaimVerdict::kYes;
  if (interval->high < level) return ClaimVerdict::kNo;
  return ClaimVerdict::kUnclear;
}

}  // namespace sinkscope
