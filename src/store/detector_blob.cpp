#include "store/detector_blob.h"

#include <algorithm>

#include "base/error.h"
#include "store/archive.h"
#include "store/record_bytes.h"

namespace sinkscope {
namespace {

// A record as it is stored: the cache as its word.
struct StoredDetected {
  std::string cache;
  std::vector<DetectedSequence> sequences;
};
struct StoredDetector {
  TrainedDetector trained;
  std::vector<StoredDetected> caches;
};

}  // namespace

// The lists of members.

template <typename Archive, RecordOf<SinkDetector> T>
void members(Archive& a, T& x) {
  a(x.layer, x.axis, x.ordinary_norm, x.min_norm_ratio, x.min_cosine);
}
template <typename Archive, RecordOf<TrainedDetector> T>
void members(Archive& a, T& x) {
  a(x.detector, x.n_documents, x.n_sinks, x.n_found, x.n_false, x.recall, x.precision, x.reason, x.judges);
}
template <typename Archive, RecordOf<DetectedSequence> T>
void members(Archive& a, T& x) {
  a(x.ordinal, x.n_kept, x.kl, x.loss);
}
template <typename Archive, RecordOf<StoredDetected> T>
void members(Archive& a, T& x) {
  a(x.cache, x.sequences);
}
template <typename Archive, RecordOf<StoredDetector> T>
void members(Archive& a, T& x) {
  a(x.trained, x.caches);
}

namespace {

constexpr std::uint32_t kDetectorMagic = 0x42544544;  // "DETB"
constexpr std::uint16_t kDetectorVersion = 1;

void check_rule(const SinkDetector& detector, const DetectorFile& file, const ByteReader& bytes) {
  if (detector.layer < 0 || detector.layer >= file.n_layers || detector.axis.size() != static_cast<std::size_t>(file.d_model)) {
    bytes.fail("it is of another model");
  }
  if (detector.ordinary_norm < 0 || detector.min_norm_ratio < 0) bytes.fail("a norm is below 0");
}

void check(const StoredDetector& stored, const DetectorFile& file, const ByteReader& bytes) {
  const TrainedDetector& trained = stored.trained;
  check_rule(trained.detector, file, bytes);
  for (const SinkDetector& judge : trained.judges) check_rule(judge, file, bytes);
  if (!trained.judges.empty() && trained.judges.size() != kDetectorParts) bytes.fail("it has other parts");
  if (trained.n_documents < 1 || trained.n_documents > file.n_documents) bytes.fail("it is of other documents");
  if (trained.recall.has_value() == trained.judges.empty()) bytes.fail("it was judged by nobody");
  for (const auto& share : {trained.recall, trained.precision}) {
    if (share && (*share < 0 || *share > 1)) bytes.fail("a share is not from 0 to 1");
  }
  for (const StoredDetected& cache : stored.caches) {
    std::int64_t next = 0;
    for (const DetectedSequence& sequence : cache.sequences) {
      if (sequence.ordinal < next || sequence.ordinal >= file.n_documents) bytes.fail("its documents are in no order");
      if (sequence.n_kept < 0) bytes.fail("a set has fewer than no tokens");
      if (sequence.kl.has_value() != sequence.loss.has_value()) bytes.fail("a document has one of KL and loss");
      next = sequence.ordinal + 1;
    }
  }
}

}  // namespace

std::vector<std::byte> encode_detector(const KeptDetector& detector) {
  StoredDetector stored{detector.trained, {}};
  for (const DetectedSequences& cache : detector.caches) stored.caches.push_back({word_of(cache.cache), cache.sequences});
  return encode_record(kDetectorMagic, kDetectorVersion, stored);
}

KeptDetector decode_detector(std::span<const std::byte> bytes, const DetectorFile& file, const std::string& what) {
  auto stored = decode_record<StoredDetector>(bytes, kDetectorMagic, kDetectorVersion, what);
  const ByteReader whole(bytes, what);
  check(stored, file, whole);
  KeptDetector detector{std::move(stored.trained), {}};
  for (StoredDetected& cache : stored.caches) {
    try {
      detector.caches.push_back({cache_form_from(cache.cache), std::move(cache.sequences)});
    } catch (const Error&) {  // of another program
      whole.fail("a cache is of no known kind");
    }
  }
  return detector;
}

}  // namespace sinkscope
