#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "impact/protect.h"
#include "impact/sink_detector.h"

namespace sinkscope {

// What decides a detector, as JSON of a fixed form: seed, thresholds, and the sequences that it was made of, in their order.
//
// keys  of the sequences
std::string detector_specification(const ProtectRequest& request, std::span<const std::string> keys);

// The same of two detectors of different sequences, and of a request: seed and thresholds.
//
// throws  Error{kInput} if the text is no specification of a detector
std::string shared_detector(const std::string& specification);
std::string shared_detector(const ProtectRequest& request);

// A cache that keeps what one of the judging detectors names, in one sequence.
struct DetectedSequence {
  std::int64_t ordinal = 0;
  double n_kept = 0;               // tokens that are named
  std::optional<double> kl, loss;  // as KeptEffect; nothing: the cache has no room for them
};

struct DetectedSequences {
  CacheForm cache;
  std::vector<DetectedSequence> sequences;  // ascending; those that are long enough, as far as they were measured
};

struct KeptDetector {
  TrainedDetector trained;  // a store does not keep its part_of
  std::vector<DetectedSequences> caches;
};

// Where detectors are kept: a results file, or memory.
class DetectorStore {
 public:
  virtual ~DetectorStore() = default;
  // throws  Error{kInput} if what is stored is damaged
  virtual std::optional<KeptDetector> find(const std::string& specification) const = 0;
  // Takes the place of what there is.
  virtual void put(const std::string& specification, const KeptDetector& detector) = 0;
};

class DetectorsInMemory final : public DetectorStore {
 public:
  std::optional<KeptDetector> find(const std::string& specification) const override {
    const auto found = kept_.find(specification);
    return found == kept_.end() ? std::nullopt : std::optional(found->second);
  }
  void put(const std::string& specification, const KeptDetector& detector) override {
    kept_.insert_or_assign(specification, detector);
  }

 private:
  std::map<std::string, KeptDetector> kept_;
};

}  // namespace sinkscope
