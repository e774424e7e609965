#pragma once

#include <optional>
#include <span>

#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// By block, how far a figure is from its threshold: figure / threshold - 1. Nothing where it is not measured, and of
// threshold 0, which asks nothing.
LayerFigures block_margins(const LayerFigures& figures, float threshold);

// By block, how far a far boost and a far z are from their thresholds together: the smaller margin of the two. A block
// whose z is not measured, as in texts with few ordinary tokens, is judged by its boost.
LayerFigures block_margins(const LayerFigures& boost, float min_boost, const LayerFigures& z, float min_z);

// How far blocks are from what a sink must show: to pass in min_block_frac of the measurable blocks [first, last], and in
// min_early_blocks of the first early_blocks (all, if there are fewer).
//
// margins  [n_layers] block_margins
// returns  the largest margin that enough blocks have; nothing if no block is measurable
std::optional<float> decisive_margin(const LayerFigures& margins, int first, int last, const Thresholds& thresholds);

// What tokens draw together from afar.
struct JointAttention {
  LayerFigures mass;   // [n_layers] share of all far attention that they draw
  LayerFigures boost;  // [n_layers] their attention per even share / that of all other keys; of one token its far boost
  LayerFigures z;      // [n_layers] how their attention per even share stands among the ordinary keys beside them: the
                       // medians of the members' neighbours and spreads; of one token its far z
};

// members  one at least
// returns  a boost where the far boost of one member is measured and other keys have far queries; a mass wherever there
//          is far attention
// cost     O(members x n_layers)
JointAttention joint_attention(const SequenceFigures& figures, std::span<const TokenProfile* const> members);

}  // namespace sinkscope
