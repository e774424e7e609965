#include "sinks/primary.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/index.h"
#include "base/statistics.h"
#include "measure/ordinary.h"
#include "sinks/attention_evidence.h"
#include "sinks/groups.h"

namespace sinkscope {
namespace {

Summary summarise(std::vector<float> values) {
  if (values.empty()) return {};
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return {median_of(values), static_cast<float>(sum / static_cast<double>(values.size())),
          *std::max_element(values.begin(), values.end())};
}

// Whether some block draws on a token.
bool is_drawn_on(const LayerFigures& boost, const LayerFigures& z, const Thresholds& thresholds) {
  return std::ranges::any_of(block_margins(boost, thresholds.min_far_boost, z, thresholds.min_far_z),
                             [](const auto& margin) { return margin && *margin >= 0; });
}

// Where a position's direction holds, around the middle of its longest active interval.
struct Stretch {
  int middle = 0;  // floor of the mean of the interval's ends
  int first = 0;
  int last = 0;
  float smallest_cosine = 1;
};

Stretch stretch_of(const Matrix<float>& self_cosine, const std::vector<LayerInterval>& active, float birth_cosine) {
  const auto longest = std::ranges::max_element(
      active, {}, [](const LayerInterval& interval) { return interval.second - interval.first; });
  Stretch stretch;
  stretch.middle = (longest->first + longest->second) / 2;
  const auto row = self_cosine.row(index(stretch.middle));
  const auto n_layers = static_cast<int>(row.size());
  stretch.first = stretch.last = stretch.middle;
  while (stretch.first > 0 && row[index(stretch.first - 1)] >= birth_cosine) --stretch.first;
  while (stretch.last + 1 < n_layers && row[index(stretch.last + 1)] >= birth_cosine) ++stretch.last;
  for (int l = stretch.first; l <= stretch.last; ++l) {
    stretch.smallest_cosine = std::min(stretch.smallest_cosine, row[index(l)]);
  }
  return stretch;
}

const Matrix<float>& self_cosine_of(const SequenceFigures& figures, int position) {
  const auto found = std::ranges::find(figures.candidates, position);
  return figures.self_cosine[static_cast<std::size_t>(found - figures.candidates.begin())];
}

// Figures of the layers in the intervals, moved on by `shift`: 1 for the blocks that read them.
Summary over_intervals(const LayerFigures& figures, const std::vector<LayerInterval>& intervals, int shift) {
  std::vector<float> values;
  for (const auto& [first, last] : intervals) {
    for (int l = first + shift; l <= last + shift && l < static_cast<int>(figures.size()); ++l) {
      if (figures[index(l)]) values.push_back(*figures[index(l)]);
    }
  }
  return summarise(std::move(values));
}

// The token, and all that have its state in its longest active interval: they share its attention.
//
// is_same  are_equal_states or are_read_as_one
template <typename IsSame>
std::vector<const TokenProfile*> equals_of(const SequenceFigures& figures, const Thresholds& thresholds,
                                           const TokenProfile& token, const std::vector<LayerInterval>& active,
                                           const IsSame& is_same) {
  const auto& [first, last] = *std::ranges::max_element(
      active, {}, [](const LayerInterval& interval) { return interval.second - interval.first; });
  std::vector<const TokenProfile*> equals = {&token};
  for (const auto* profiles : {&figures.first_positions, &figures.tokens}) {
    for (const TokenProfile& other : *profiles) {
      if (&other != &token && is_same(token, other, first, last, thresholds)) equals.push_back(&other);
    }
  }
  return equals;
}

// Positions that were born with the primary, in its direction. Its equals draw what it draws.
std::vector<int> primary_set(const SequenceFigures& figures, const Thresholds& thresholds, int primary,
                             const Stretch& stretch, const std::vector<const TokenProfile*>& equals) {
  constexpr int kBirthTolerance = 1;
  std::vector<int> set;
  for (std::size_t c = 0; c < figures.candidates.size(); ++c) {
    const TokenProfile* profile = profile_of(figures, figures.candidates[c]);
    if (profile == nullptr) continue;
    const TokenProfile& token = *profile;
    if (token.position == primary) {
      set.push_back(primary);
      continue;
    }
    const auto active = intervals_over(token.norm_ratio, thresholds.min_norm_ratio);
    if (active.empty()) continue;
    const bool is_equal = std::ranges::count(equals, &token) > 0;
    if (!is_equal && !is_drawn_on(token.far_boost, token.far_z, thresholds)) continue;
    const Stretch own = stretch_of(figures.self_cosine[c], active, thresholds.birth_cosine);
    const auto& alignment = token.alignment[index(stretch.middle)];
    if (std::abs(own.first - stretch.first) <= kBirthTolerance && alignment && *alignment >= thresholds.min_alignment) {
      set.push_back(token.position);
    }
  }
  return set;
}

}  // namespace

std::vector<LayerInterval> intervals_over(const LayerFigures& figures, float threshold) {
  std::vector<LayerInterval> intervals;
  for (int l = 0; l < static_cast<int>(figures.size()); ++l) {
    const auto& figure = figures[index(l)];
    if (!figure || !(*figure >= threshold)) continue;
    if (!intervals.empty() && intervals.back().second == l - 1) {
      intervals.back().second = l;
    } else {
      intervals.emplace_back(l, l);
    }
  }
  return intervals;
}

Summary summary_of(const LayerFigures& figures, int first, int last) {
  return over_intervals(figures, {{first, last}}, 0);
}

MassiveFigures massive_figures_of(const TokenProfile& token, int layer) {
  const auto whole = [&](const LayerFigures& figures) {
    const auto& figure = figures[index(layer)];
    return figure ? std::optional(static_cast<int>(*figure)) : std::nullopt;
  };
  const auto number = [&](const LayerFigures& figures) { return figures[index(layer)]; };
  return {whole(token.massive_channel_1), whole(token.massive_channel_2), whole(token.massive_channel_3),
          number(token.massive_value_1),  number(token.massive_value_2),  number(token.massive_value_3),
          number(token.massive_ratio_1),  number(token.massive_ratio_2),  number(token.massive_ratio_3),
          whole(token.massive_overlap)};
}

PrimarySearch find_primary(const SequenceFigures& figures, const Thresholds& thresholds) {
  if (!figures.candidate) {
    return {std::nullopt, "norm ratios are undefined: the sequence has fewer than " +
                              std::to_string(kMinOrdinaryTokens) +
                              " tokens that are neither padding nor repeats of the tokens before them"};
  }
  const std::string name = "position " + std::to_string(*figures.candidate);
  const TokenProfile& token = *profile_of(figures, *figures.candidate);
  Primary primary;
  primary.position = *figures.candidate;
  primary.active_layers = intervals_over(token.norm_ratio, thresholds.min_norm_ratio);
  if (primary.active_layers.empty()) {
    return {std::nullopt, name +
                              " has the largest norms of the positions looked at, but in no layer the norm ratio of an "
                              "active primary"};
  }
  PrimarySearch found;
  found.by_itself = is_drawn_on(token.far_boost, token.far_z, thresholds);
  bool is_drawn = found.by_itself;
  auto equals = equals_of(figures, thresholds, token, primary.active_layers, are_equal_states);
  if (!is_drawn) {
    const JointAttention joint = joint_attention(figures, equals);
    is_drawn = is_drawn_on(joint.boost, joint.z, thresholds);
  }
  if (!is_drawn) {
    equals = equals_of(figures, thresholds, token, primary.active_layers, are_read_as_one);
    const JointAttention joint = joint_attention(figures, equals);
    is_drawn = is_drawn_on(joint.boost, LayerFigures(joint.boost.size()), thresholds) &&
               over_intervals(joint.mass, primary.active_layers, 1).mean.value_or(0) >= thresholds.group_min_mass;
  }
  if (!is_drawn) {
    const bool measured = std::ranges::any_of(token.far_boost, [](const auto& boost) { return boost.has_value(); });
    return {std::nullopt, name + (measured ? " has a primary's norm, but in no layer the far boost and far z of one"
                                           : " has a primary's norm, but its far boost is not measured")};
  }
  const Stretch stretch =
      stretch_of(self_cosine_of(figures, primary.position), primary.active_layers, thresholds.birth_cosine);
  primary.birth_layer = stretch.first;
  primary.birth_end = stretch.last;
  primary.sink_axis_drift = 1 - stretch.smallest_cosine;
  for (const LayerInterval& interval : primary.active_layers) {
    if (interval.second < primary.birth_layer) primary.early_plateau.push_back(interval);
  }
  primary.set = primary_set(figures, thresholds, primary.position, stretch, equals);
  primary.mean_norm_ratio = summary_of(token.norm_ratio, 0, figures.n_layers - 1).mean;
  const Summary norm_ratio = over_intervals(token.norm_ratio, primary.active_layers, 0);
  const Summary score = over_intervals(token.score, primary.active_layers, 1);
  const Summary far_boost = over_intervals(token.far_boost, primary.active_layers, 1);
  primary.norm_ratio_median = norm_ratio.median;
  primary.norm_ratio_max = norm_ratio.max;
  primary.score_mean = score.mean;
  primary.score_max = score.max;
  primary.far_boost_median = far_boost.median;
  primary.far_boost_max = far_boost.max;
  primary.far_z_median = over_intervals(token.far_z, primary.active_layers, 1).median;
  primary.value_norm_ratio = over_intervals(token.value_norm_ratio, primary.active_layers, 1).median;
  const auto mean_of = [&](const LayerFigures& of_token) {
    return over_intervals(of_token, primary.active_layers, 1).mean;
  };
  primary.sink_rate_02 = mean_of(token.sink_rate_02);
  primary.sink_rate_03 = mean_of(token.sink_rate_03);
  primary.sink_rate_05 = mean_of(token.sink_rate_05);
  primary.sink_rate_08 = mean_of(token.sink_rate_08);
  primary.attention_share = mean_of(token.attention_share);
  primary.selection_rate = mean_of(token.selection_rate);
  primary.eviction_cost = over_intervals(token.eviction_cost, primary.active_layers, 1).median;
  if (const auto most = over_intervals(token.eviction_left_out, primary.active_layers, 1).max) {
    primary.eviction_left_out = static_cast<int>(*most);
  }
  primary.massive = massive_figures_of(token, stretch.middle);
  found.primary = std::move(primary);
  return found;
}

}  // namespace sinkscope
