#pragma once

#include <cstdint>
#include <span>

#include "base/views.h"

namespace sinkscope {

enum class ProbePoint : std::uint8_t;

// What one probe point's vectors x came to where they lie.
struct PointFigures {
  std::span<const float> squared_norm;  // [n_tokens] x . x
  MatrixView<const float> dots;  // [8, n_tokens] x . candidate, of the token's own sequence; 0 where that candidate
                                 // has not come. No rows where dots were not made
  MatrixView<const float> candidates;  // [n, width] x of candidates in the micro-batch, in the order of the tokens
};

// States that lie on a device, reduced there: comes in place of StateEvents to an observer that takes figures.
//
//   kAttentionInput  candidates are the vectors of this point, as for StateEvent
//   kAttentionWrite  comes in place of kMidResidual too, whose step it is; has neither dots nor candidates
//   kBlockOutput     brings the MLP's write with it: its dots are with the candidates' block outputs
struct StateFigures {
  ProbePoint point;
  int layer = 0;
  int first_token = 0;  // index in the pack
  int n_tokens = 0;
  PointFigures state;
  PointFigures write;  // of kBlockOutput; empty in blocks that show no writes
};

// What an observer also asks of block outputs, once it has seen their figures.
struct StateQuestions {
  std::span<const float> weights;      // [n_tokens] of x in the sum of its sequence; empty: no sums
  MatrixView<const float> origins;     // [n_sequences, width] one for each sequence with tokens in the micro-batch
  std::span<const std::int32_t> rows;  // tokens of the micro-batch, ascending, whose vectors are wanted whole
};

struct StateAnswers {
  int layer = 0;
  int first_token = 0;
  int n_tokens = 0;
  MatrixView<const float> sums;       // [n_sequences, width] sum over the sequence's tokens of weight * x
  std::span<const float> centre_dot;  // [n_tokens] x . (origin + sum), of the token's own sequence
  MatrixView<const float> rows;       // [rows.size(), width]
};

// The network's own writes against the residual stream, for the first rows of a micro-batch.
struct WriteFigures {
  ProbePoint point;  // kMidResidual or kBlockOutput: the sum that the writes lead to
  int layer = 0;
  int first_token = 0;
  std::span<const float> squared_error;  // [n_rows] |stream before + writes - sum|^2
  std::span<const float> squared_norm;   // [n_rows] |sum|^2
};

}  // namespace sinkscope
