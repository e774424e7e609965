#pragma once

#include <optional>
#include <span>

#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// How far boosts by block are from what a sink must show: at least min_far_boost in min_block_frac of the measurable
// blocks [first, last], and in min_early_blocks of the first early_blocks (all, if there are fewer).
//
// boosts   [n_layers]
// returns  the largest min_far_boost that they pass / min_far_boost - 1; nothing if no block is measurable
std::optional<float> attention_margin(const LayerFigures& boosts, int first, int last, const Thresholds& thresholds);

// What tokens draw together from afar.
struct JointAttention {
  LayerFigures mass;   // [n_layers] share of all far attention that they draw
  LayerFigures boost;  // [n_layers] their attention per even share / that of all other keys; of one token its far boost
};

// members  one at least
// returns  a boost where the far boost of one member is measured and other keys have far queries; a mass wherever there
//          is far attention
// cost     O(members x n_layers)
JointAttention joint_attention(const SequenceFigures& figures, std::span<const TokenProfile* const> members);

}  // namespace sinkscope
