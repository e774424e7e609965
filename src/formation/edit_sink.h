#pragma once

#include <optional>
#include <vector>

#include "formation/explain_sequence.h"
#include "formation/explanation.h"
#include "probe/model.h"
#include "sinks/detection.h"

namespace sinkscope {

// MLPs whose writes are edited in a sink.
struct EditPlan {
  std::vector<int> layers;     // of largest positive excess at l_start and at l_peak, ascending
  std::optional<int> placebo;  // the MLP up to l_peak of smallest |excess| there, none of `layers`
  std::vector<int> together;   // MLPs with a share of at least together_share at l_peak
};
EditPlan plan_edits(const RunExplanation& run, const ExplainOptions& options);

// Tokens of the cut text in which a sink's edits are made.
int edited_tokens(int n_tokens, int position, const ExplainOptions& options);

// Changes what MLPs write into one sink, one edit after another, and looks at its attention. The text is cut behind the
// sink, that of the unedited base too.
//
// run      its edits and `together` are filled in
// returns  false, and nothing is edited, if the cut text shows no such run
// throws   whatever Model::run throws
// cost     about 11 runs of the cut text with attention, and one of the text up to the last control
bool edit_sink(Model& model, const ScannedSequence& sequence, RunExplanation& run, const Thresholds& thresholds,
               const ExplainOptions& options, const RunOptions& run_options);

}  // namespace sinkscope
