#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "impact/protect.h"
#include "impact/sink_detector.h"

namespace sinkscope {

// A cache that keeps, or stores exactly, what a detector names: means over documents, in nats.
struct DetectedCache {
  CacheForm cache;
  int n_documents = 0;  // that are long enough, and where the cache has room for the named tokens
  std::optional<double> n_kept, kl, loss;
};

struct MeasuredDetector {
  TrainedDetector trained;
  std::vector<DetectedCache> caches;  // of measure_detected
};

// Each document is judged by a detector that it did not choose. A detector that names each sink and the primary keeps the
// set "primary + sinks".
//
// n_sequences  as of train_detector
// returns      of the request's caches; empty where too few documents chose
// throws       as protect_sequence
// cost         a pass of each sequence, and one with its vocabulary product for each cache
std::vector<DetectedCache> measure_detected(Model& model, std::int64_t n_sequences,
                                            const std::function<SequenceToAblate(std::int64_t)>& load,
                                            const ProtectRequest& request, const TrainedDetector& trained);

// A detector of the sequences, and what the request's caches lose that keep what it names. Without caches: the detector alone.
//
// throws  as train_detector and measure_detected
// cost    as both
MeasuredDetector measure_detector(Model& model, std::int64_t n_sequences,
                                  const std::function<SequenceToAblate(std::int64_t)>& load,
                                  const ProtectRequest& request);

}  // namespace sinkscope
