#pragma once

#include "sinks/detection.h"

namespace sinkscope {

// What the paper's rule flagged in the shape of the evidence rule, which tables and figures are made of: the primary
// with its span as the layers in which it is active, and each flagged token as a sink of its first to its last flagged
// layer.
//
//   label      kind            so in words: kind_name(kind, Rule::kPaper)
//   bos_sink   primary_like
//   secondary  secondary
//   noise      unaligned
//
// Figures are summarised over these layers where they were kept: of tokens that no other rule asks for, only
// alignments.
Detection shown_detection(const SequenceFigures& figures, const PaperDetection& paper);

}  // namespace sinkscope
