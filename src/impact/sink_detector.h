#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/views.h"
#include "impact/ablation.h"
#include "probe/model.h"
#include "probe/observer.h"

namespace sinkscope {

// Names a sink the moment it passes a block, by one dot product and no attention: its state is long, and along the axis.
struct SinkDetector {
  int layer = 0;              // its block output is looked at
  std::vector<float> axis;    // [d_model] length 1: mean over texts of the primary's direction there
  // Float32, as a file of it has them: what was saved names what was measured.
  float ordinary_norm = 0;   // median over texts of the median |h_l| of tokens that are no sinks
  float min_norm_ratio = 0;  // of |h_l| / ordinary_norm
  float min_cosine = 0;      // of h_l . axis / |h_l|

  // state  [d_model] h_l of one token
  bool names(std::span<const float> state) const;
  // states   [n_tokens, d_model] of one text
  // returns  the tokens that it names, ascending
  // throws   Error{kUsage} if the states are of another length
  std::vector<int> named(MatrixView<const float> states) const;
};

struct DetectorRequest {
  std::uint64_t seed = 1;                     // of the parts into which documents are cut
  int min_documents = 8;                      // under it nothing is said of recall and precision
  std::optional<std::int64_t> max_documents;  // sequences; the first
  RunOptions run;
  std::function<void(std::int64_t done, std::int64_t total, const std::string& what)> on_progress;
};

// Parts of the documents: each is judged by a detector that was chosen on the others.
inline constexpr std::size_t kDetectorParts = 4;

struct TrainedDetector {
  SinkDetector detector;  // of all documents
  std::int64_t n_documents = 0;
  // Over documents that did not choose; the primary's set, and what has no verdict, count neither way. Nothing of too few documents;
  // precision also where nothing is named.
  std::optional<std::int64_t> n_sinks, n_found, n_false;
  std::optional<double> recall, precision;
  std::string reason;                    // what they rest on, or why there are none
  std::vector<SinkDetector> judges;      // [kDetectorParts], each of the other parts; empty of too few documents
  std::map<std::string, std::size_t> part_of;  // by unit
};

// The positions that a detector names, in packs of one sequence.
class NamedPositions final : public Observer {
 public:
  explicit NamedPositions(const SinkDetector& detector) : detector_(detector) {}
  bool wants(ProbePoint point, int layer) override { return point == ProbePoint::kBlockOutput && layer == detector_.layer; }
  void on_state(const StateEvent& event) override;
  const std::vector<int>& positions() const { return positions_; }  // ascending

 private:
  const SinkDetector& detector_;
  std::vector<int> positions_;
};

// Which part each document is in; they are dealt out in an order drawn by the seed.
//
// units  of the documents, each once, in the order of their first sequences
std::map<std::string, std::size_t> detector_parts(std::vector<std::string> units, std::uint64_t seed);

// Chooses layer and thresholds on the sequences of a results file, and says how well such a choice does on others. True
// are the sinks of the sequences' detections beside the primary's set; tokens too near the end to be judged count neither way.
//
// Chosen is what has the largest F1 on the documents that choose. Where several have it: the layer with the most pairs of
// thresholds that do, then the first such layer; of its pairs the one in their middle.
//
// n_sequences  that load may be asked for, 0 .. n_sequences - 1
// throws       Error{kInput} if there is no primary, or no sink beside it; Error{kModel} for a network that does not show
//              its block outputs; whatever Model::run throws
// cost         two passes of each sequence, the second with kDetectorParts + 1 dot products a state
TrainedDetector train_detector(Model& model, std::int64_t n_sequences,
                               const std::function<SequenceToAblate(std::int64_t)>& load,
                               const DetectorRequest& request);

}  // namespace sinkscope
