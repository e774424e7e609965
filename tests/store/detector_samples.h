#pragma once

#include <string>
#include <vector>

#include "impact/detector_store.h"
#include "impact/head_reach.h"
#include "store/detector_blob.h"

namespace sinkscope::testing_samples {

// A detector as it could have been made of a file: judged, with a cache of two sequences, or of one, if there are no more; the
// second has no room.
inline KeptDetector kept_detector(const DetectorFile& file) {
  const auto rule = [&](int layer) {
    SinkDetector detector{layer, std::vector<float>(static_cast<std::size_t>(file.d_model)), 2.5F, 3.0F, 0.5F};
    detector.axis[static_cast<std::size_t>(layer)] = 1;
    return detector;
  };
  KeptDetector kept;
  kept.trained.detector = rule(3);
  kept.trained.n_documents = file.n_documents;
  kept.trained.n_sinks = 8;
  kept.trained.n_found = 6;
  kept.trained.n_false = 2;
  kept.trained.recall = kept.trained.precision = 0.75;
  kept.trained.reason = "as told";
  for (std::size_t part = 0; part < kDetectorParts; ++part) kept.trained.judges.push_back(rule(static_cast<int>(part)));
  DetectedSequences& cache = kept.caches.emplace_back(DetectedSequences{cache_form_from("kivi2"), {{0, 3, 0.25, -0.125}}});
  if (file.n_documents > 1) cache.sequences.push_back({1, 50, {}, {}});
  return kept;
}

// What heads could have read of a sequence.
inline SequenceReach sequence_reach(const HeadReachRequest& request, int n_tokens, int n_layers, double scale = 1) {
  SequenceReach reach{n_reach_queries(request, n_tokens), Matrix<double>(static_cast<std::size_t>(n_layers), 2)};
  for (std::size_t i = 0; i < 2 * static_cast<std::size_t>(n_layers); ++i) reach.sums.data()[i] = scale * static_cast<double>(i) / 8;
  return reach;
}

}  // namespace sinkscope::testing_samples
