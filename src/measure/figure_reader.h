#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "measure/segments.h"
#include "measure/sequence_meter.h"
#include "probe/state_figures.h"

namespace sinkscope {

// A segment with the meter of its sequence.
struct MeteredSegment {
  SequenceMeter* meter;
  Segment rows;
};

// Measures states that come as figures: what PackMeter does with rows, from products that a device made. What follows
// from products is SequenceMeter's, for both.
//
// centred  (x - m) . (c - m) = x.c - x.m - c.m + m.m, in double
// memory   10 floats a token of the micro-batch, and the rows that are asked for
class FigureReader {
 public:
  FigureReader(bool centred, bool channels) : centred_(centred), channels_(channels) {}

  // figures   of one micro-batch
  // segments  all of it, in the order of the tokens
  // throws    Error{kModel} as SequenceMeter::classify
  void read(const StateFigures& figures, std::span<const MeteredSegment> segments);
  // Of the block output that was read last.
  StateQuestions questions() const;
  void read(const StateAnswers& answers, std::span<const MeteredSegment> segments);

 private:
  // candidate  the first one of the segment among PointFigures::candidates
  void read_block(const StateFigures& figures, const MeteredSegment& segment, std::size_t candidate);
  void read_attention_input(const StateFigures& figures, const MeteredSegment& segment, std::size_t candidate);
  void ask(int layer, std::span<const MeteredSegment> segments);
  void read_centred(const StateAnswers& answers, const MeteredSegment& segment) const;

  bool centred_, channels_;
  // Of the block output that was read last, until it is answered.
  std::vector<float> squared_norm_;  // [n_tokens]
  Matrix<float> dots_;               // [8, n_tokens]
  std::size_t n_segments_ = 0;
  bool has_sums_ = false;
  std::vector<float> weights_;  // [n_tokens] 1 / number of ordinary tokens so far, or 0
  Matrix<float> origins_;       // [n_segments, d_model]
  std::vector<std::int32_t> rows_;
};

}  // namespace sinkscope
