#pragma once

#include <optional>
#include <vector>

#include "impact/detected_cache.h"
#include "impact/protect.h"
#include "store/scan_file.h"

namespace sinkscope {

// What protect measured of a results file.
struct ProtectedFile {
  ProtectRequest request;
  std::vector<SequenceProtection> sequences;  // of which a cache was measured
  std::optional<MeasuredDetector> detector;   // the last with that seed and these thresholds; kl of caches of the request
};

// Of several commands the last: all caches of the file that have its draws, seed and thresholds.
//
// returns  nothing if protect has not seen the file
// throws   Error{kInput} if what is stored is damaged
std::optional<ProtectedFile> protected_of(const ScanFile& file);

}  // namespace sinkscope
