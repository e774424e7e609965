#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formation/explain_request.h"
#include "formation/explanation.h"
#include "formation/explanation_store.h"

namespace sinkscope {

// What was found of the layers' MLPs, of one kind of sinks.
struct LayerFindings {
  SinkKind kind = SinkKind::kSecondary;
  std::vector<LayerEffect> layers;
  FormationNull null;
};

// A run that the thresholds make a sink, and that was not explained.
struct UnexplainedRun {
  std::int64_t sequence = 0;  // ordinal
  int position = 0, l_start = 0, l_end = 0;
};

struct Explanation {
  std::vector<SequenceExplanation> sequences;     // those with a primary; of their runs those that are asked for
  std::vector<NormFigures> norm;                  // one a kind
  std::vector<std::vector<NormCase>> norm_cases;  // of each
  std::vector<LayerFindings> layers;              // one a kind
  std::vector<LayerMap> maps;                     // of the kinds asked for
  PrimaryDip primary;
  std::vector<Claim> claims;
  std::int64_t n_without_primary = 0;       // sequences that have no axis
  std::int64_t n_not_measured = 0;          // sequences that explain has not come to
  std::vector<UnexplainedRun> unexplained;  // under these thresholds
  int n_sinks = 0;                          // explained
  int n_unaligned = 0;                      // sinks without an axis
  std::string writes_lacking;               // why nothing could be said of writes; empty if it could
};

// Judges the claims by what is stored. Needs no model.
//
// throws  whatever load and the store throw
// cost    reads every sequence; permutations and bootstraps
Explanation judge_explanation(std::int64_t n_sequences, const LoadSequence& load, const ExplainRequest& request,
                              const ExplanationStore& store);

}  // namespace sinkscope
