#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "probe/model.h"
#include "sinks/detection.h"

namespace sinkscope {

// One sequence, run, measured and judged.
struct SequenceReading {
  SequenceFigures figures;
  Detection detection;
  Matrix<float> far_boost;   // [n_layers, n_tokens] mean over heads; NaN where not measured
  Matrix<float> norm_ratio;  // [n_layers, n_tokens]; NaN where not measured

  // Whether enough far queries see the position in some block.
  bool measurable(int position) const;
  // The sink at the position whose run begins in the layer, else the one that holds it; nullptr if there is none.
  const Run* sink_at(int position, int layer) const;
};

// Runs one sequence with all measurements, and shows the run to another observer too.
//
// floor   which tokens the figures keep
// throws  as examine
// cost    one forward pass with all measurements
SequenceReading read_sequence(Model& model, std::span<const TokenId> sequence, Observer& also,
                              const Thresholds& thresholds, const std::function<bool()>& should_stop,
                              const CandidateFloor& floor = {});

}  // namespace sinkscope
