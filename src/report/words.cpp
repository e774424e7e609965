#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/display_text.h"
#include "base/index.h"

namespace sinkscope {
namespace {

constexpr const char* kDash = "\u2013";

// 24–41 %, over some blocks.
std::string percent_range(const LayerFigures& shares, const std::vector<int>& blocks) {
  std::optional<float> least, most;
  for (const int block : blocks) {
    const float share = *shares[static_cast<std::size_t>(block)];
    least = std::min(least.value_or(share), share);
    most = std::max(most.value_or(share), share);
  }
  const std::string low = fmt::format("{:.0f}", 100 * *least), high = fmt::format("{:.0f}", 100 * *most);
  return (low == high ? low : low + "\u2013" + high) + " %";
}

const SinkGroup* group_of_primary(const Detection& detection) {
  if (!detection.primary || !detection.primary->group) return nullptr;
  const SinkGroup& group = detection.groups[index(*detection.primary->group)];
  return group.verdict == Verdict::kSink ? &group : nullptr;
}

// Members of the primary's group that are neither of its set nor sinks by themselves: what they draw counts as the primary's.
std::int64_t others_of_primary_group(const Detection& detection) {
  const SinkGroup* group = group_of_primary(detection);
  if (group == nullptr) return 0;
  const auto is_sink = [&](int member) {
    return std::ranges::any_of(group->runs, [&](std::size_t at) {
      const Run& run = detection.runs[at];
      return run.position == member && run.verdict == Verdict::kSink;
    });
  };
  return std::ranges::count_if(group->members, [&](int member) {
    return std::ranges::count(detection.primary->set, member) == 0 && !is_sink(member);
  });
}

}  // namespace

std::string group_in_words(const SinkGroup& group) {
  const auto n = static_cast<std::int64_t>(group.members.size());
  std::string words = fmt::format(
      "{} of one {}, {}, in {}: together {} of far attention (up to {} in one block), {} times as much as other "
      "tokens for their even share",
      counted(n, "token"), group.equal_norms ? "state" : "direction", kind_name(group.kind), layer_range(group.l_start, group.l_end), in_percent(group.mass_mean),
      in_percent(group.mass_max), in_digits(group.joint_boost_median));
  return words;
}

std::string attention_in_words(const AttentionShares& shares, const Detection& detection) {
  const LayerFigures sinks = shares.sinks();
  std::vector<int> measured, drawn_on;
  for (std::size_t block = 0; block < sinks.size(); ++block) {
    if (!sinks[block]) continue;
    measured.push_back(static_cast<int>(block));
    if (*sinks[block] > 0) drawn_on.push_back(static_cast<int>(block));
  }
  if (measured.empty()) return "";
  const bool any = !drawn_on.empty();
  const std::vector<int>& blocks = any ? drawn_on : measured;
  const auto ranges = ranges_of(blocks);
  std::string where = layer_ranges(ranges);
  where.replace(0, std::string_view("layer").size(), "block");
  const std::string primary = percent_range(shares.of(SinkKind::kPrimary), blocks);
  const bool has_learned =
      std::ranges::any_of(blocks, [&](int block) { return shares.learned[index(block)].value_or(0) > 0; });
  const std::string learned =
      has_learned ? fmt::format(", learned sink logits {}", percent_range(shares.learned, blocks)) : "";
  const auto n_others = others_of_primary_group(detection);
  const std::string who = n_others == 0 ? "the primary"
                                        : fmt::format("the primary and {} more of its {}", n_others,
                                                      group_of_primary(detection)->equal_norms ? "state" : "direction");
  if (!any) {
    return fmt::format("in {} {} {} {} of all attention{}", where, who, n_others == 0 ? "takes" : "take", primary,
                       learned);
  }
  return fmt::format("in {} the sinks take {} of all attention, {} {}{}", where, percent_range(sinks, blocks), who,
                     primary, learned);
}

std::string in_digits(std::optional<double> value) {
  if (!value || std::isnan(*value)) return kDash;
  const double size = std::fabs(*value);
  if (size == 0) return "0";
  if (size >= 99.95 && size < 1e15) return grouped(std::llround(*value));
  if (size >= 9.995) return fmt::format("{:.1f}", *value);
  if (size >= 0.9995) return fmt::format("{:.2f}", *value);
  if (size >= 0.001) return fmt::format("{:.3f}", *value);
  std::string small = fmt::format("{:.1e}", *value);  // 1.2e-04
  if (const std::size_t zero = small.find("e-0"); zero != std::string::npos) small.erase(zero + 2, 1);
  return small;
}

std::string in_percent(std::optional<double> fraction) {
  if (!fraction || std::isnan(*fraction)) return kDash;
  const double hundred = 100 * *fraction + 0.0;  // no sign of a zero
  return hundred >= 9.95 ? fmt::format("{:.0f} %", hundred) : fmt::format("{:.2g} %", hundred);
}

std::string level_range(int l_start, int l_end, bool l_end_is_lower_bound) {
  return fmt::format("{}\u2013{}{}", l_start, l_end, l_end_is_lower_bound ? "+" : "");
}

std::string count_in_words(const Rate& rate) {
  return rate.outside == 0 ? grouped(rate.count) : fmt::format("{} (+{})", grouped(rate.count), grouped(rate.outside));
}

std::string too_few(std::int64_t n, std::string_view noun) { return fmt::format("not enough ({})", counted(n, noun)); }

std::string other_runs_in_words(const Counts& counts, const Thresholds& thresholds) {
  std::string words;
  const auto add = [&](Verdict verdict, const std::string& why) {
    if (counts.alone(verdict) == 0) return;
    words +=
        fmt::format("{}{} {} ({})", words.empty() ? "" : ", ", grouped(counts.alone(verdict)), name_of(verdict), why);
  };
  add(Verdict::kAlignedOnly,
      fmt::format("far boost under {}{} in too many of the blocks that read them; median boosts up to {}, single "
                  "blocks up to {}",
                  thresholds.min_far_boost,
                  thresholds.min_far_z > 0 ? fmt::format(" or far z under {}", thresholds.min_far_z) : "",
                  in_digits(counts.aligned_only_median), in_digits(counts.aligned_only_max)));
  add(Verdict::kTransient, thresholds.min_layers == 2 ? std::string("one layer only")
                                                      : fmt::format("fewer than {} layers", thresholds.min_layers));
  add(Verdict::kUnscored, fmt::format("no block that reads them has {} far queries", kMinFarQueries));
  if (const std::int64_t n = counts.other_runs_of_groups(); n > 0) {
    words += fmt::format("{}{} of tokens that are a sink as a group", words.empty() ? "" : ", ", grouped(n));
  }
  return words;
}

std::string_view kind_name(SinkKind kind, Rule rule) {
  if (rule == Rule::kPaper && kind != SinkKind::kPrimary) {
    return kPaperLabels[static_cast<std::size_t>(kind) - static_cast<std::size_t>(SinkKind::kPrimaryLike)];
  }
  return kind == SinkKind::kPrimaryLike ? "primary-like" : name_of(kind);
}

std::string token_name(std::string_view bytes) {
  std::string name;
  for (const char c : displayable(clip_token(bytes))) name += c == ' ' ? std::string("\u2423") : std::string(1, c);
  return name.empty() ? "\u2205" : name;
}

}  // namespace sinkscope
