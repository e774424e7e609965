#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/words.h"
#include "levels/levels.h"
#include "report/counts.h"
#include "report/options.h"
#include "sinks/attention_shares.h"
#include "sinks/detection.h"

namespace sinkscope {

// Numbers, levels and tokens as sentences, pages and figures say them, beside what base/words.h has.
// web/src/ui/format.ts writes them alike.

// Three digits or so: 123, 12.3, 1.23, 0.123; an en dash where nothing was measured.
std::string in_digits(std::optional<double> value);
std::string in_percent(std::optional<double> fraction);
std::string level_range(int l_start, int l_end, bool l_end_is_lower_bound);
// A level's range of layers: 4–15, or 4–15+ where its end is a lower bound.
template <typename AnyLevel>
std::string level_name(const AnyLevel& level) {
  return level_range(level.l_start, level.l_end, level.l_end_is_lower_bound);
}
// Why stability and intervals are not said: not enough (1 document)
std::string too_few(std::int64_t n, std::string_view noun);
// "8", or "8 (+16)" where 16 more stand outside the eligible tokens: sinks of a table of rates, and what its note says.
std::string count_in_words(const Rate& rate);
inline constexpr std::string_view kOutsideNote = "(+n): n more outside the eligible tokens, which no rate counts";
// "38 aligned_only (...), 41 transient (...), 60 of groups' tokens": runs that are no sinks, with what is lacking, each once;
// empty if there are none.
std::string other_runs_in_words(const Counts& counts, const Thresholds& thresholds);
// "60 tokens of one state, primary, in layers 2–22: together 52 % of far attention (...), ...": a group and what it draws.
std::string group_in_words(const SinkGroup& group);
// "in blocks 6–22 the sinks take 24–41 % of all attention, the primary 6–20 %"; without sinks the primary alone; empty
// where no attention was measured.
std::string attention_in_words(const AttentionShares& shares, const Detection& detection);
// primary-like for primary_like; by the paper's rule the label that the kind stands for: see shown_detection
std::string_view kind_name(SinkKind kind, Rule rule = Rule::kEvidence);
// A token on one line in which nothing is invisible: blanks are U+2423, none at all U+2205.
std::string token_name(std::string_view bytes);

}  // namespace sinkscope
