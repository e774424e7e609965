#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "formation/explain_sequence.h"
#include "formation/explanation.h"

namespace sinkscope {

// One sequence as it is read for explaining.
struct SequenceToExplain {
  std::int64_t ordinal = 0;
  std::vector<TokenId> tokens;
  SequenceFigures figures;
  Detection detection;  // under the thresholds of the whole explanation
};

struct ExplainRequest {
  ExplainOptions options;
  Thresholds thresholds;  // with which detections were made
  std::vector<SinkKind> kinds = {SinkKind::kSecondary, SinkKind::kPrimaryLike};
  bool formation = true, norm = true, primary = true;  // claims
  std::vector<int> layers;                             // E of the primary's claim; empty: the commonest l_start
  RunOptions run;
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;
};

// What was found of the layers' MLPs, of one kind of sinks.
struct LayerFindings {
  SinkKind kind = SinkKind::kSecondary;
  std::vector<LayerEffect> layers;
  FormationNull null;
};

struct Explanation {
  std::vector<SequenceExplanation> sequences;  // those with a primary
  std::vector<NormFigures> norm;               // one a kind
  std::vector<LayerFindings> layers;           // one a kind
  PrimaryDip primary;
  std::vector<Claim> claims;
  int n_without_primary = 0;      // sequences that have no axis
  int n_sinks = 0;                // explained
  int n_unaligned = 0;            // sinks without an axis
  std::string formation_lacking;  // why formation could not be measured; empty if it could
};

// Explains the sinks of sequences: passes, then edits, then claims.
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// load         one sequence; called up to three times for each
// throws       Error{kInput} if no sequence has a primary; whatever Model::run and load throw
// cost         one pass a sequence without attention, and edit_sink for options.edit_sinks of each kind
Explanation explain(Model& model, ModelWeights& weights, std::int64_t n_sequences,
                    const std::function<SequenceToExplain(std::int64_t ordinal)>& load, const ExplainRequest& request);

// Which sinks to edit first: one of each of evenly spread sequences, then of the others, then second ones.
//
// sinks    [n_sequences] how many each has
// returns  (sequence, sink), all of them
std::vector<std::pair<std::size_t, std::size_t>> edit_order(std::span<const std::size_t> sinks, int n_wanted);

}  // namespace sinkscope
