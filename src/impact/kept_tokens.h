#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/views.h"
#include "impact/cache_form.h"
#include "probe/edit.h"
#include "probe/observer.h"
#include "sinks/detection.h"

namespace sinkscope {

// Tokens that a cache keeps, or stores exactly. n: the primary's set and the sinks, counted in each sequence; "first n"
// and the sets that begin with the primary have as many, and cost the same.
enum class KeptSet : std::uint8_t { kNone, kPrimary, kFirst4, kFirstN, kSinks, kAttended, kPlacebo };
inline constexpr std::array kKeptSets = {KeptSet::kNone,  KeptSet::kPrimary,  KeptSet::kFirst4, KeptSet::kFirstN,
                                         KeptSet::kSinks, KeptSet::kAttended, KeptSet::kPlacebo};
// "none", "primary", "first 4", "first n", "primary + sinks", "primary + most attended", "primary + placebo"
std::string_view name_of(KeptSet set);

// One set in one sequence: several draws of a placebo, else one.
struct KeptTokens {
  KeptSet set = KeptSet::kNone;
  std::vector<std::vector<int>> draws;  // positions, ascending; empty: too few tokens to draw from
};

// Attention that each key of a pack of one sequence receives, from all queries, heads and blocks.
class AttentionTotals final : public Observer {
 public:
  bool wants_attention(int) override { return true; }
  void on_attention(const AttentionEvent& event) override;
  const std::vector<double>& totals() const { return totals_; }  // [n_tokens]

 private:
  std::vector<double> totals_;
};

// The primary's set, ascending; nothing without a primary.
std::vector<int> primary_set(const Detection& detection);
// The primary's set and the sinks of a sequence, ascending: what "primary + sinks" keeps. Without a primary the sinks.
std::vector<int> primary_and_sinks(const Detection& detection);

// The sets of one sequence.
//
// ordinary  [n_tokens] 1 where a placebo can be drawn
// totals    [n_tokens] of AttentionTotals
// stream    of random numbers, of the document's own
// returns   as kKeptSets
std::vector<KeptTokens> kept_sets(const Detection& detection, std::span<const std::uint8_t> ordinary,
                                  std::span<const double> totals, int n_draws, std::uint64_t seed,
                                  std::uint64_t stream);

// The edit that makes a run's cache that cache. The pack must be one sequence.
//
// kept     ascending
// returns  null if nothing is changed: a window that holds the whole sequence
// throws   Error{kUsage} if a window has no cell more than there are kept tokens
std::unique_ptr<Edit> make_cache(const CacheForm& form, const std::vector<int>& kept, int n_tokens,
                                 const ModelFacts& facts);

}  // namespace sinkscope
