#include "impact/detected_cache.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/index.h"
#include "impact/cached_runs.h"
#include "probe/tee_observer.h"

namespace sinkscope {
namespace {

// Sums over the chunks of one document.
struct ChunkSums {
  double n_kept = 0, kl = 0, loss = 0;
  int n = 0;
};

DetectedCache mean_of(const CacheForm& cache, const std::map<std::string, ChunkSums>& documents) {
  DetectedCache mean{cache, static_cast<int>(documents.size()), {}, {}, {}};
  if (documents.empty()) return mean;
  double n_kept = 0, kl = 0, loss = 0;
  for (const auto& [unit, chunks] : documents) {
    n_kept += chunks.n_kept / chunks.n;
    kl += chunks.kl / chunks.n;
    loss += chunks.loss / chunks.n;
  }
  mean.n_kept = n_kept / mean.n_documents;
  mean.kl = kl / mean.n_documents;
  mean.loss = loss / mean.n_documents;
  return mean;
}

}  // namespace

std::vector<DetectedCache> measure_detected(Model& model, std::int64_t n_sequences,
                                            const std::function<SequenceToAblate(std::int64_t)>& load,
                                            const ProtectRequest& request, const TrainedDetector& trained) {
  if (trained.judges.empty() || request.caches.empty()) return {};
  const std::int64_t n = std::min(n_sequences, request.max_documents.value_or(n_sequences));
  std::vector<std::map<std::string, ChunkSums>> documents(request.caches.size());  // by unit
  for (std::int64_t i = 0; i < n; ++i) {
    if (request.on_progress) request.on_progress(i, n, "what the detector names: sequences");
    const SequenceToAblate sequence = load(i);
    if (std::ranges::none_of(request.caches, [&](const CacheForm& cache) { return is_long_enough(sequence, cache); })) {
      continue;
    }
    NamedPositions named(trained.judges[trained.part_of.at(sequence.unit)]);
    FinalStates unedited(static_cast<int>(sequence.tokens.size()));
    TeeObserver both(named, unedited);
    model.run({{sequence.tokens}}, both, request.run);
    const std::vector<int>& kept = named.positions();
    for (std::size_t c = 0; c < request.caches.size(); ++c) {
      const CacheForm& cache = request.caches[c];
      if (!is_long_enough(sequence, cache) || !has_room(cache, kept)) continue;
      CachedRuns runs(model, sequence, request.run, cache, unedited.states());
      runs.add(kept);
      runs.compare();
      ChunkSums& sums = documents[c][sequence.unit];
      sums.n_kept += static_cast<double>(kept.size());
      sums.kl += runs.of(kept).kl;
      sums.loss += runs.of(kept).loss;
      ++sums.n;
    }
  }
  std::vector<DetectedCache> caches;
  for (std::size_t c = 0; c < request.caches.size(); ++c) caches.push_back(mean_of(request.caches[c], documents[c]));
  return caches;
}

MeasuredDetector measure_detector(Model& model, std::int64_t n_sequences,
                                  const std::function<SequenceToAblate(std::int64_t)>& load,
                                  const ProtectRequest& request) {
  DetectorRequest of_detector;
  of_detector.seed = request.seed;
  of_detector.max_documents = request.max_documents;
  of_detector.run = request.run;
  of_detector.on_progress = request.on_progress;
  MeasuredDetector measured{train_detector(model, n_sequences, load, of_detector), {}};
  measured.caches = measure_detected(model, n_sequences, load, request, measured.trained);
  return measured;
}

}  // namespace sinkscope
