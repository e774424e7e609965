#include "sinks/attention_evidence.h"

#include <algorithm>
#include <vector>

#include "base/index.h"
#include "base/statistics.h"

namespace sinkscope {

std::optional<float> attention_margin(const LayerFigures& boosts, int first, int last, const Thresholds& thresholds) {
  std::vector<float> measured;
  for (int block = first; block <= last; ++block) {
    if (boosts[index(block)]) measured.push_back(*boosts[index(block)]);
  }
  if (measured.empty()) return std::nullopt;
  // The n-th largest boost is the largest threshold that n blocks pass.
  std::vector<float> early = measured;
  early.resize(std::min(measured.size(), index(thresholds.early_blocks)));
  const auto n_blocks = static_cast<float>(measured.size());
  std::size_t needed = 1;
  while (needed < measured.size() && static_cast<float>(needed) < thresholds.min_block_frac * n_blocks) ++needed;
  float decisive = nth_largest(measured, needed);
  const std::size_t needed_early = std::min(early.size(), index(thresholds.min_early_blocks));
  if (needed_early > 0) decisive = std::min(decisive, nth_largest(early, needed_early));
  return decisive / thresholds.min_far_boost - 1;
}

JointAttention joint_attention(const SequenceFigures& figures, std::span<const TokenProfile* const> members) {
  const std::size_t n_layers = index(figures.n_layers);
  JointAttention joint{LayerFigures(n_layers), LayerFigures(n_layers)};
  if (members.size() == 1) joint.boost = members[0]->far_boost;
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
  }
  return joint;
}

}  // namespace sinkscope
