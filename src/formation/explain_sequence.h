#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formation/explain_request.h"
#include "formation/explanation.h"
#include "formation/height_meter.h"
#include "gguf/file.h"
#include "probe/model.h"

namespace sinkscope {

// What is read of the model's file: MLPs and the gains of attention's norms. Each layer is read once it is asked for;
// one layer's MLP is kept.
class ModelWeights {
 public:
  explicit ModelWeights(GgufFile file) : file_(std::move(file)) {}

  // throws  Error{kModel} if the layer's MLP is of a kind that is not known here
  const MlpWeights& mlp(int layer);
  // The gain of the RMS norm through which attention of a block reads, [d_model]; empty where it has no such norm.
  std::vector<float> attention_gain(int block) const;

 private:
  GgufFile file_;
  std::optional<MlpWeights> mlp_;
};

// One sequence of a results file.
struct ScannedSequence {
  std::int64_t ordinal = 0;
  std::string key;
  std::span<const TokenId> tokens;
  const SequenceFigures& figures;
  const Detection& detection;  // with a primary
};

inline ScannedSequence view_of(const SequenceToExplain& sequence) {
  return {sequence.ordinal, sequence.key, sequence.tokens, sequence.figures, sequence.detection};
}

// Whether a run is explained: a sink of one of the kinds.
bool is_explained(const Run& run, std::span<const SinkKind> kinds);

// Measures what made the sinks of a sequence: one pass, and no attention but which layers see the whole text. Of a
// network that does not show its writes, the latter alone.
//
// n_pretended  tokens in no run that are taken for sinks as well: a null
// throws       whatever Model::run throws
// cost         one forward pass; memory as HeightMeter, for each explained run, pretended sink and their controls
SequenceExplanation explain_sequence(Model& model, ModelWeights& weights, const ScannedSequence& sequence,
                                     std::span<const SinkKind> kinds, int n_pretended, const ExplainOptions& options,
                                     const RunOptions& run);

// What is measured of a sequence beside the heights.
struct HeightWishes {
  std::vector<int> kept;            // positions whose writes are kept, ascending
  int n_kept_layers = 0;            // of layers below it
  std::vector<int> sampled;         // positions of which MLP inputs are kept, ascending
  std::vector<int> sampled_layers;  // in these layers
  int n_tokens = 0;                 // of the sequence that are run
};

// Norm, heights and writes of a sequence, in one pass.
//
// throws  Error{kModel} if the network does not show its writes; whatever Model::run throws
SequenceHeights measure_heights(Model& model, const ScannedSequence& sequence, const HeightWishes& wishes,
                                const RunOptions& run);

// The layer of a run with the largest height.
int peak_layer(const Matrix<float>& state_axis, int position, int l_start, int l_end);

// The MLP with the largest excess; nothing if none is positive.
std::optional<int> main_mlp(const PartExcess& excess);

}  // namespace sinkscope
