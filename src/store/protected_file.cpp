#include "store/protected_file.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/ablated_file.h"
#include "store/detector_rows.h"
#include "store/protection_rows.h"

namespace sinkscope {
namespace {

std::optional<MeasuredDetector> detector_of(const ScanFile& file, const ProtectRequest& request) {
  const DetectorRows rows(file);
  const std::vector<std::string> all = rows.specifications();
  const auto last = std::ranges::find_if(all.rbegin(), all.rend(), [&](const std::string& specification) {
    return shared_detector(specification) == shared_detector(request);
  });
  if (last == all.rend()) return std::nullopt;
  KeptDetector kept = *rows.find(*last);
  std::vector<DetectedCache> caches = detected_caches(kept, request.caches, [&](std::int64_t ordinal) {
    return sequence_to_ablate(file.document(ordinal), request.thresholds).unit;
  });
  return MeasuredDetector{std::move(kept.trained), std::move(caches)};
}

}  // namespace

std::optional<ProtectedFile> protected_of(const ScanFile& file) {
  const ProtectionRows rows(file);
  const std::vector<std::string> all = rows.specifications();
  if (all.empty()) return std::nullopt;
  ProtectedFile found;
  found.request = request_of_protection(all.back());
  found.request.caches.clear();
  found.request.run.min_distance = file.options().min_distance;
  std::vector<std::string> wanted;
  for (const std::string& specification : all) {
    if (shared_protection(specification) != shared_protection(all.back())) continue;
    wanted.push_back(specification);
    found.request.caches.push_back(request_of_protection(specification).caches.front());
  }
  for (std::int64_t ordinal = 0; ordinal < file.n_documents(); ++ordinal) {
    std::vector<CacheEffect> caches;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      caches.push_back(rows.find(wanted[i], ordinal).value_or(CacheEffect{found.request.caches[i], 0, {}}));
    }
    if (std::ranges::all_of(caches, [](const CacheEffect& cache) { return cache.n == 0; })) continue;
    found.sequences.push_back(
        unmeasured(sequence_to_ablate(file.document(ordinal), found.request.thresholds)));
    found.sequences.back().caches = std::move(caches);
  }
  found.detector = detector_of(file, found.request);
  return found;
}

}  // namespace sinkscope
