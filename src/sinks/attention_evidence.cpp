#include "sinks/attention_evidence.h"

#include <algorithm>
#include <vector>

#include "base/index.h"
#include "base/statistics.h"
#include "sinks/far_neighbours.h"

namespace sinkscope {
namespace {

// How tokens that draw `boost` per even share together stand among the ordinary keys beside them in a block.
std::optional<float> joint_z(std::span<const TokenProfile* const> members, std::size_t block, float boost) {
  std::vector<float> medians, spreads;
  for (const TokenProfile* member : members) {
    const auto &own = member->far_boost[block], &z = member->far_z[block], &spread = member->far_spread[block];
    if (!own || !z || !spread) continue;
    medians.push_back(log_far_boost(*own) - *z * *spread);
    spreads.push_back(*spread);
  }
  if (medians.empty()) return std::nullopt;
  return (log_far_boost(boost) - median_of(medians)) / median_of(spreads);
}

}  // namespace

LayerFigures block_margins(const LayerFigures& figures, float threshold) {
  LayerFigures margins(figures.size());
  if (threshold == 0) return margins;
  for (std::size_t l = 0; l < figures.size(); ++l) {
    if (figures[l]) margins[l] = *figures[l] / threshold - 1;
  }
  return margins;
}

LayerFigures block_margins(const LayerFigures& boost, float min_boost, const LayerFigures& z, float min_z) {
  LayerFigures margins(boost.size());
  const LayerFigures of_z = block_margins(z, min_z);
  for (std::size_t l = 0; l < boost.size(); ++l) {
    if (!boost[l]) continue;
    const float of_boost = *boost[l] / min_boost - 1;
    margins[l] = std::min(of_boost, of_z[l].value_or(of_boost));
  }
  return margins;
}

std::optional<float> decisive_margin(const LayerFigures& margins, int first, int last, const Thresholds& thresholds) {
  std::vector<float> measured;
  for (int block = first; block <= last; ++block) {
    if (margins[index(block)]) measured.push_back(*margins[index(block)]);
  }
  if (measured.empty()) return std::nullopt;
  // n blocks have at least the n-th largest margin.
  std::vector<float> early = measured;
  early.resize(std::min(measured.size(), index(thresholds.early_blocks)));
  const auto n_blocks = static_cast<float>(measured.size());
  std::size_t needed = 1;
  while (needed < measured.size() && static_cast<float>(needed) < thresholds.min_block_frac * n_blocks) ++needed;
  float decisive = nth_largest(measured, needed);
  const std::size_t needed_early = std::min(early.size(), index(thresholds.min_early_blocks));
  if (needed_early > 0) decisive = std::min(decisive, nth_largest(early, needed_early));
  return decisive;
}

JointAttention joint_attention(const SequenceFigures& figures, std::span<const TokenProfile* const> members) {
  const std::size_t n_layers = index(figures.n_layers);
  JointAttention joint{LayerFigures(n_layers), LayerFigures(n_layers), LayerFigures(n_layers)};
  if (members.size() == 1) {
    joint.boost = members[0]->far_boost;
    joint.z = members[0]->far_z;
  }
  for (std::size_t l = 0; l < n_layers; ++l) {
    const auto& all_attention = figures.far_attention[l];
    const auto& all_even = figures.far_even[l];
    if (!all_attention || !all_even || !(*all_attention > 0)) continue;
    double attention = 0, even = 0;
    bool judged = false;
    for (const TokenProfile* member : members) {
      attention += static_cast<double>(member->far_attention[l].value_or(0));
      even += static_cast<double>(member->far_even[l].value_or(0));
      judged = judged || member->far_boost[l].has_value();
    }
    joint.mass[l] = static_cast<float>(attention / static_cast<double>(*all_attention));
    if (members.size() == 1 || !judged || !(even > 0)) continue;
    // Float sums of all keys may lie a little below those of the members, where these have nearly all.
    constexpr double kLeast = 1e-6;
    const double other_even = static_cast<double>(*all_even) - even;
    if (!(other_even > kLeast * static_cast<double>(*all_even))) continue;
    const double others = std::max(static_cast<double>(*all_attention) - attention,
                                   kLeast * static_cast<double>(*all_attention));
    joint.boost[l] = static_cast<float>(attention / even / (others / other_even));
    joint.z[l] = joint_z(members, l, static_cast<float>(attention / even));
  }
  return joint;
}

}  // namespace sinkscope
