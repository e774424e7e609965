#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "impact/detector_store.h"
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
  std::vector<DetectedCache> caches;  // of detected_caches
};

// Adds what is missing of the request's caches. Each document is judged by a detector that it did not choose. A detector
// that names each sink and the primary keeps the set "primary + sinks".
//
// n_sequences  as of train_detector
// kept         a detector with its part_of; where nobody judged, nothing is added
// added        called after each sequence of which something was
// throws       as protect_sequence
// cost         of each sequence that lacks something a pass, and one with its vocabulary product for each cache
void measure_detected(Model& model, std::int64_t n_sequences,
                      const std::function<SequenceToAblate(std::int64_t)>& load, const ProtectRequest& request,
                      KeptDetector& kept, const std::function<void()>& added);

// Of the caches those of which anything was measured.
//
// unit_of  a sequence's document, by its ordinal
std::vector<DetectedCache> detected_caches(const KeptDetector& kept, std::span<const CacheForm> caches,
                                           const std::function<std::string(std::int64_t)>& unit_of);

// A detector of the sequences, and what the request's caches lose that keep what it names. Without caches: the detector
// alone. What is in the store is not measured again.
//
// throws  as train_detector and measure_detected
// cost    as both
MeasuredDetector measure_detector(Model& model, std::int64_t n_sequences,
                                  const std::function<SequenceToAblate(std::int64_t)>& load,
                                  const ProtectRequest& request, DetectorStore& store);

}  // namespace sinkscope
