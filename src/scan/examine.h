#pragma once

#include <vector>

#include "probe/model.h"
#include "probe/observer.h"
#include "scan/measurement_options.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

struct ExamineOptions {
  RunOptions run;                  // how the pack runs; its min_distance is the measurement's too
  std::vector<int> prompt_tokens;  // [n_sequences] of each sequence, how many tokens are the prompt; empty: none
  CandidateFloor floor;            // which tokens the figures keep
  Thresholds thresholds;           // of the evidence rule
  Keep keep = Keep::kRuns;         // whether profile arrays are made
  bool attention = true;           // false: states only, of which the rule can say nothing
};

// One sequence, run, measured and judged.
struct Examined {
  SequenceFigures figures;
  Detection detection;                 // by the evidence rule
  std::vector<ProfileArray> profiles;  // empty for Keep::kRuns
};

// Runs a pack once and says everything that is known of it: the one place where model, meter and rule meet.
//
// also     a second observer that sees the same events; null: none
// returns  [n_sequences], in the order of the pack
// throws   Error{kInternal} if prompt_tokens is neither empty nor one number for each sequence; whatever Model::run,
// the
//          meter and `also` throw
// cost     one forward pass with all measurements, and the rule once a sequence
std::vector<Examined> examine(Model& model, const Pack& pack, const ExamineOptions& options, Observer* also = nullptr);

}  // namespace sinkscope
