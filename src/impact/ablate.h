#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "impact/ablation.h"
#include "impact/ablation_store.h"

namespace sinkscope {

using LoadToAblate = std::function<SequenceToAblate(std::int64_t ordinal)>;

struct Ablation {
  // [edits of the request][sequences]
  std::vector<std::vector<SequenceAblation>> edits;
  std::int64_t n_without = 0;  // sequences that were looked at and have no primary, or nothing to be removed
};

// Fills in what a store does not keep: names of the document.
void name_sequence(SequenceAblation& ablation, const SequenceToAblate& sequence);

// Removes sinks of the sequences of a results file, in every way that is asked for. What is in the store is not measured
// again, so an interrupted run goes on from there.
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// throws       Error{kInput} if no sequence has anything to be removed, or a named document is not there; as
//              ablate_sequence
// cost         ablate_sequence for each sequence that has something to be removed
Ablation ablate(Model& model, std::int64_t n_sequences, const LoadToAblate& load, const AblateRequest& request,
                AblationStore& store);

}  // namespace sinkscope
