#pragma once

#include <vector>

#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// A span of layers in which a token has state evidence: a run, or an active interval of the primary.
struct StateSpan {
  const TokenProfile* token = nullptr;
  int l_start = 0, l_end = 0;
  SinkKind kind = SinkKind::kSecondary;  // kPrimary for the primary's own
  bool by_itself = false;                // whether it draws enough to be a sink without others
  std::optional<std::size_t> run;        // index into Detection::runs; nothing for the primary and its set
};

// Whether two states are one: in nine of ten layers [first, last] their norms differ by at most group_norm_gap of the
// larger, and their alignments by at most group_alignment_gap.
bool are_equal_states(const TokenProfile& a, const TokenProfile& b, int first, int last, const Thresholds& thresholds);

// Whether two states are one to attention, which reads them through a norm: in nine of ten layers [first, last] both are
// aligned with the primary and as tall as a sink.
bool are_read_as_one(const TokenProfile& a, const TokenProfile& b, int first, int last, const Thresholds& thresholds);

// Tokens of one state that share its attention.
//
// Spans are taken in their order. Each that is in no group yet leads one: later spans join it that share half of the
// layers or more that either has, and whose state is the leader's there. One span alone is no group. Then spans that draw too
// little, by themselves and in their group, are gathered once more, the longest first and whatever their norms: those that
// share half of their own layers with their leader. What they draw together counts if it is group_min_mass of far attention
// or more, and makes them a sink by its joint boost alone. Spans that no block can judge are in no group.
// spans    the primary's first, then by position
// returns  sinks first, each part by first member
// cost     O(spans^2 x n_layers)
std::vector<SinkGroup> find_groups(const SequenceFigures& figures, const Thresholds& thresholds,
                                   const std::vector<StateSpan>& spans);

}  // namespace sinkscope
