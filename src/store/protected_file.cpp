#include "store/protected_file.h"

#include <algorithm>

#include "store/ablated_file.h"
#include "store/protection_rows.h"

namespace sinkscope {

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
  return found;
}

}  // namespace sinkscope
