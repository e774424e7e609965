#pragma once

#include <cstdint>

#include "formation/explain_request.h"
#include "formation/explain_sequence.h"
#include "formation/explanation_store.h"

namespace sinkscope {

// Measures what is not in the store yet: a pass of each sequence with a primary, edits of some sinks, maps. What is
// stored stays if it is interrupted, and the next call goes on from there.
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// load         one sequence; called up to four times for each
// throws       Error{kInput} if no sequence has a primary; whatever Model::run, load and the store throw
// cost         one pass a sequence without attention, edit_sink for options.edit_sinks of each kind, measure_maps
void measure_explanation(Model& model, ModelWeights& weights, std::int64_t n_sequences, const LoadSequence& load,
                         const ExplainRequest& request, ExplanationStore& store);

}  // namespace sinkscope
