#pragma once

#include <span>
#include <vector>

#include "formation/explain.h"
#include "formation/explanation.h"
#include "formation/layer_map.h"

namespace sinkscope {

// The layers whose MLPs are mapped for a kind of sinks: those asked for, else the MLP that has the largest excess at
// l_start in most of them, and n_mapped_before before it.
//
// returns  ascending; empty if no MLP made any of the sinks
std::vector<int> mapped_layers(std::span<const SequenceExplanation> sequences, SinkKind kind,
                               std::span<const int> wanted, const ExplainOptions& options);

// Maps the MLPs of these layers, for each kind that has sinks with controls.
//
// Texts with such sinks are run once more, up to the last token needed, to gather inputs; of ordinary tokens
// max_vectors, by a reservoir.
//
// throws  whatever Model::run and load throw
// cost    one pass without attention of each text with sinks, and one of map_of's inputs a layer and kind
// memory  max_vectors inputs a mapped layer and kind, twice; n_decision_sets sinks with their controls, four vectors
//         each; and of one text as HeightMeter
std::vector<LayerMap> measure_maps(Model& model, std::span<const SequenceExplanation> sequences,
                                   const LoadSequence& load, const ExplainRequest& request);

}  // namespace sinkscope
