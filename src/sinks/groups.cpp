#include "sinks/groups.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/index.h"
#include "base/statistics.h"
#include "sinks/attention_evidence.h"
#include "sinks/primary.h"

namespace sinkscope {
namespace {

constexpr double kEqualLayers = 0.9;  // of shared layers, in which equal states are equal
constexpr int kLeastShared = 2;       // 1 / share of layers that both spans have

int shared_layers(const StateSpan& a, const StateSpan& b) {
  return std::min(a.l_end, b.l_end) - std::max(a.l_start, b.l_start) + 1;
}

using SameState = bool (*)(const TokenProfile&, const TokenProfile&, int, int, const Thresholds&);

bool joins(const StateSpan& span, const StateSpan& leader, SameState is_same, const Thresholds& thresholds) {
  const int shared = shared_layers(span, leader);
  // States of one direction last as long as their norms let them: a short span may lie within a long one.
  const int of_all = is_same == are_read_as_one
                         ? span.l_end - span.l_start + 1
                         : std::max(span.l_end, leader.l_end) - std::min(span.l_start, leader.l_start) + 1;
  return kLeastShared * shared >= of_all &&
         is_same(*span.token, *leader.token, std::max(span.l_start, leader.l_start), std::min(span.l_end, leader.l_end),
                 thresholds);
}

// Sets of two spans or more, of different tokens, that share layers and state with their first.
std::vector<std::vector<StateSpan>> gathered(const std::vector<StateSpan>& spans, SameState is_same,
                                             const Thresholds& thresholds) {
  std::vector<std::vector<StateSpan>> sets;
  std::vector<bool> taken(spans.size());
  for (std::size_t leader = 0; leader < spans.size(); ++leader) {
    if (taken[leader]) continue;
    std::vector<StateSpan> members = {spans[leader]};
    for (std::size_t i = leader + 1; i < spans.size(); ++i) {
      const bool is_there = std::ranges::any_of(
          members, [&](const StateSpan& member) { return member.token->position == spans[i].token->position; });
      if (taken[i] || is_there || !joins(spans[i], spans[leader], is_same, thresholds)) continue;
      taken[i] = true;
      members.push_back(spans[i]);
    }
    if (members.size() > 1) sets.push_back(std::move(members));
  }
  return sets;
}

// Whether some block that reads the span has enough far queries to judge it.
bool is_measured(const StateSpan& span) {
  const LayerFigures& boost = span.token->far_boost;
  const int last = std::min(span.l_end + 1, static_cast<int>(boost.size()) - 1);
  for (int l = span.l_start + 1; l <= last; ++l) {
    if (boost[index(l)]) return true;
  }
  return false;
}

bool is_in(const StateSpan& span, const std::vector<StateSpan>& set) {
  return std::ranges::any_of(set, [&](const StateSpan& member) {
    return member.token == span.token && member.l_start == span.l_start && member.l_end == span.l_end;
  });
}

// The layer that half of the members have reached: the lower one of two in the middle.
int lower_median(std::vector<int> layers) {
  const auto middle = layers.begin() + static_cast<std::ptrdiff_t>((layers.size() - 1) / 2);
  std::ranges::nth_element(layers, middle);
  return *middle;
}

SinkGroup group_of(const SequenceFigures& figures, const Thresholds& thresholds, const std::vector<StateSpan>& spans) {
  SinkGroup group;
  std::vector<const TokenProfile*> members;
  std::vector<int> starts, ends;
  std::vector<float> alignments, norm_ratios;
  const auto add = [](std::vector<float>& values, const std::optional<float>& value) {
    if (value) values.push_back(*value);
  };
  for (const StateSpan& span : spans) {
    members.push_back(span.token);
    group.members.push_back(span.token->position);
    if (span.run) group.runs.push_back(*span.run);
    starts.push_back(span.l_start);
    ends.push_back(span.l_end);
    add(alignments, summary_of(span.token->alignment, span.l_start, span.l_end).median);
    add(norm_ratios, summary_of(span.token->norm_ratio, span.l_start, span.l_end).median);
  }
  std::ranges::sort(group.members);
  group.kind = spans.front().kind;
  group.l_start = lower_median(std::move(starts));
  group.l_end = std::max(group.l_start, lower_median(std::move(ends)));
  group.lifetime = group.l_end - group.l_start + 1;
  if (!alignments.empty()) group.alignment_median = median_of(alignments);
  if (!norm_ratios.empty()) group.norm_ratio_median = median_of(norm_ratios);

  const int first_block = group.l_start + 1, last_block = std::min(group.l_end + 1, figures.n_layers - 1);
  const JointAttention joint = joint_attention(figures, members);
  const Summary mass = summary_of(joint.mass, first_block, last_block);
  const Summary boost = summary_of(joint.boost, first_block, last_block);
  group.mass_mean = mass.mean;
  group.mass_max = mass.max;
  group.joint_boost_median = boost.median;
  group.joint_boost_max = boost.max;
  group.joint_z_median = summary_of(joint.z, first_block, last_block).median;
  LayerFigures share(index(figures.n_layers));
  for (const TokenProfile* member : members) {
    for (std::size_t l = 0; l < share.size(); ++l) {
      if (member->attention_share[l]) share[l] = share[l].value_or(0) + *member->attention_share[l];
    }
  }
  group.attention_share = summary_of(share, first_block, last_block).mean;
  group.margin = decisive_margin(block_margins(joint.boost, thresholds.min_far_boost, joint.z, thresholds.min_far_z),
                                 first_block, last_block, thresholds);
  group.verdict = !group.margin                             ? Verdict::kUnscored
                  : *group.margin < 0                       ? Verdict::kAlignedOnly
                  : group.lifetime < thresholds.min_layers ? Verdict::kTransient
                                                            : Verdict::kSink;
  return group;
}

// Whether something holds in nine of ten of the layers first to last in which it was measured; not if it was in none.
//
// holds  of a layer: nothing where it was not measured
template <typename Holds>
bool holds_in_most(int first, int last, const Holds& holds) {
  int measured = 0, held = 0;
  for (int l = first; l <= last; ++l) {
    const std::optional<bool> in_layer = holds(index(l));
    if (!in_layer) continue;
    ++measured;
    held += *in_layer;
  }
  return measured > 0 && held >= kEqualLayers * measured;
}

}  // namespace

bool are_equal_states(const TokenProfile& a, const TokenProfile& b, int first, int last, const Thresholds& thresholds) {
  return holds_in_most(first, last, [&](std::size_t l) -> std::optional<bool> {
    const auto &norm_a = a.hidden_norm[l], &norm_b = b.hidden_norm[l];
    const auto &alignment_a = a.alignment[l], &alignment_b = b.alignment[l];
    if (!norm_a || !norm_b || !alignment_a || !alignment_b) return std::nullopt;
    return std::abs(*norm_a - *norm_b) <= thresholds.group_norm_gap * std::max(*norm_a, *norm_b) &&
           std::abs(*alignment_a - *alignment_b) <= thresholds.group_alignment_gap;
  });
}

bool are_read_as_one(const TokenProfile& a, const TokenProfile& b, int first, int last, const Thresholds& thresholds) {
  return holds_in_most(first, last, [&](std::size_t l) -> std::optional<bool> {
    const auto &alignment_a = a.alignment[l], &alignment_b = b.alignment[l];
    const auto &ratio_a = a.norm_ratio[l], &ratio_b = b.norm_ratio[l];
    if (!alignment_a || !ratio_a || !alignment_b || !ratio_b) return std::nullopt;
    return std::min(*alignment_a, *alignment_b) >= thresholds.min_alignment &&
           std::min(*ratio_a, *ratio_b) >= thresholds.min_norm_ratio;
  });
}

std::vector<SinkGroup> find_groups(const SequenceFigures& figures, const Thresholds& thresholds,
                                   const std::vector<StateSpan>& spans) {
  std::vector<SinkGroup> groups, failed;
  std::vector<std::vector<StateSpan>> sets_of_failed;
  std::vector<StateSpan> measured = spans;
  std::erase_if(measured, [](const StateSpan& span) { return !is_measured(span); });
  std::vector<StateSpan> left = measured;
  std::erase_if(left, [](const StateSpan& span) { return span.by_itself; });
  for (std::vector<StateSpan>& set : gathered(measured, are_equal_states, thresholds)) {
    SinkGroup group = group_of(figures, thresholds, set);
    if (group.verdict == Verdict::kSink) {
      std::erase_if(left, [&](const StateSpan& span) { return is_in(span, set); });
      groups.push_back(std::move(group));
    } else {
      failed.push_back(std::move(group));
      sets_of_failed.push_back(std::move(set));
    }
  }
  std::vector<StateSpan> shared;
  Thresholds of_mass = thresholds;  // no token draws such a share because of its place: far z, the test of that, is not asked
  of_mass.min_far_z = 0;
  std::ranges::stable_sort(left, [](const StateSpan& a, const StateSpan& b) {
    const bool a_leads = a.kind == SinkKind::kPrimary, b_leads = b.kind == SinkKind::kPrimary;
    return a_leads != b_leads ? a_leads : a.l_end - a.l_start > b.l_end - b.l_start;
  });
  for (const std::vector<StateSpan>& set : gathered(left, are_read_as_one, thresholds)) {
    SinkGroup group = group_of(figures, of_mass, set);
    if (group.mass_mean.value_or(0) < thresholds.group_min_mass) continue;
    group.equal_norms = false;
    groups.push_back(std::move(group));
    shared.insert(shared.end(), set.begin(), set.end());
  }
  for (std::size_t f = 0; f < failed.size(); ++f) {
    const bool goes_on = std::ranges::any_of(sets_of_failed[f], [&](const StateSpan& span) { return is_in(span, shared); });
    if (!goes_on) groups.push_back(std::move(failed[f]));
  }
  std::ranges::stable_sort(groups, [](const SinkGroup& a, const SinkGroup& b) {
    const bool a_is_sink = a.verdict == Verdict::kSink, b_is_sink = b.verdict == Verdict::kSink;
    return a_is_sink != b_is_sink ? a_is_sink : a.members.front() < b.members.front();
  });
  return groups;
}

}  // namespace sinkscope
