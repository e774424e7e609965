#include "impact/detected_cache.h"

#include <algorithm>
#include <map>
#include <set>
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

// Of one cache; made if there is none.
DetectedSequences& of_cache(KeptDetector& kept, const CacheForm& cache) {
  const auto found = std::ranges::find(kept.caches, cache, &DetectedSequences::cache);
  return found != kept.caches.end() ? *found : kept.caches.emplace_back(DetectedSequences{cache, {}});
}

}  // namespace

void measure_detected(Model& model, std::int64_t n_sequences,
                      const std::function<SequenceToAblate(std::int64_t)>& load, const ProtectRequest& request,
                      KeptDetector& kept, const std::function<void()>& added) {
  if (kept.trained.judges.empty()) return;
  for (const CacheForm& cache : request.caches) of_cache(kept, cache);
  const std::int64_t n = std::min(n_sequences, request.max_documents.value_or(n_sequences));
  for (std::int64_t i = 0; i < n; ++i) {
    if (request.on_progress) request.on_progress(i, n, "what the detector names: sequences");
    const SequenceToAblate sequence = load(i);
    std::vector<CacheForm> missing = request.caches;
    std::erase_if(missing, [&](const CacheForm& cache) {
      const auto& there = of_cache(kept, cache).sequences;
      return !is_long_enough(sequence, cache) ||
             std::ranges::find(there, i, &DetectedSequence::ordinal) != there.end();
    });
    if (missing.empty()) continue;
    NamedPositions named(kept.trained.judges[kept.trained.part_of.at(sequence.unit)]);
    FinalStates unedited(static_cast<int>(sequence.tokens.size()));
    TeeObserver both(named, unedited);
    model.run({{sequence.tokens}}, both, request.run);
    const std::vector<int>& positions = named.positions();
    for (const CacheForm& cache : missing) {
      DetectedSequence one{i, static_cast<double>(positions.size()), {}, {}};
      if (has_room(cache, positions)) {
        CachedRuns runs(model, sequence, request.run, cache, unedited.states());
        runs.add(positions);
        runs.compare();
        one.kl = runs.of(positions).kl;
        one.loss = runs.of(positions).loss;
      }
      of_cache(kept, cache).sequences.push_back(one);
    }
    added();
  }
}

std::vector<DetectedCache> detected_caches(const KeptDetector& kept, std::span<const CacheForm> caches,
                                           const std::function<std::string(std::int64_t)>& unit_of) {
  std::vector<DetectedCache> means;
  for (const CacheForm& cache : caches) {
    const auto found = std::ranges::find(kept.caches, cache, &DetectedSequences::cache);
    if (found == kept.caches.end()) continue;
    std::map<std::string, ChunkSums> documents;  // by unit
    for (const DetectedSequence& one : found->sequences) {
      if (!one.kl) continue;
      ChunkSums& sums = documents[unit_of(one.ordinal)];
      sums.n_kept += one.n_kept;
      sums.kl += *one.kl;
      sums.loss += *one.loss;
      ++sums.n;
    }
    means.push_back(mean_of(cache, documents));
  }
  return means;
}

MeasuredDetector measure_detector(Model& model, std::int64_t n_sequences,
                                  const std::function<SequenceToAblate(std::int64_t)>& load,
                                  const ProtectRequest& request, DetectorStore& store) {
  const std::int64_t n = std::min(n_sequences, request.max_documents.value_or(n_sequences));
  std::vector<std::string> keys, units, documents;
  std::set<std::string> seen;
  for (std::int64_t i = 0; i < n; ++i) {
    const SequenceToAblate sequence = load(i);
    keys.push_back(sequence.key);
    units.push_back(sequence.unit);
    if (seen.insert(sequence.unit).second) documents.push_back(sequence.unit);
  }
  const std::string specification = detector_specification(request, keys);
  KeptDetector kept;
  if (auto found = store.find(specification)) {
    kept = std::move(*found);
    kept.trained.part_of = detector_parts(std::move(documents), request.seed);
  } else {
    DetectorRequest of_detector;
    of_detector.seed = request.seed;
    of_detector.max_documents = request.max_documents;
    of_detector.run = request.run;
    of_detector.on_progress = request.on_progress;
    kept.trained = train_detector(model, n_sequences, load, of_detector);
    store.put(specification, kept);
  }
  measure_detected(model, n_sequences, load, request, kept, [&] { store.put(specification, kept); });
  std::vector<DetectedCache> caches =
      detected_caches(kept, request.caches, [&](std::int64_t ordinal) { return units[index(ordinal)]; });
  return {std::move(kept.trained), std::move(caches)};
}

}  // namespace sinkscope
