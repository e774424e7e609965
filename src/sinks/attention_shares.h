#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

inline constexpr std::size_t kSinkKinds = 4;

// Who takes the attention of a sequence, block by block. In a block whose attention was measured the parts of all kinds
// `learned` and `other` are 1 together.
struct AttentionShares {
  std::array<LayerFigures, kSinkKinds> by_kind;  // [SinkKind][n_layers] share of all attention, mean over heads
  LayerFigures learned;                          // [n_layers] what learned sink logits take, which are no token; 0 without
  LayerFigures other;                            // [n_layers] of all tokens that are no sink in that block

  const LayerFigures& of(SinkKind kind) const { return by_kind[static_cast<std::size_t>(kind)]; }
  // All sinks beside the primary, by layer.
  LayerFigures sinks() const;
};

// A token that is a sink to the blocks first to last, both included.
struct ReadSpan {
  int position = 0;
  SinkKind kind{};
  int first = 0, last = 0;
};

// Which blocks read which sinks: the primary's set in every block; a sink, and each member of a group that is one, in blocks
// l_start + 1 to l_end + 1, as far as there are such blocks. A token counts once in a block: as the primary if it is of its
// set, else by the run that comes first, so spans that come later yield to earlier ones of their token.
std::vector<ReadSpan> read_spans(int n_layers, const Detection& detection);

// Sums of TokenProfile::attention_share over read_spans.
//
// returns  nothing in a layer where the share of one of these tokens was not measured
// cost     O(runs x n_layers)
AttentionShares attention_shares(const SequenceFigures& figures, const Detection& detection);

}  // namespace sinkscope
