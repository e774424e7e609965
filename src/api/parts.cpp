#include "api/parts.h"

#include <sstream>

#include "base/error.h"
#include "gguf/digest.h"

namespace sinkscope {
namespace {

void check_one(const char* name, float asked, float floor) {
  if (asked >= floor) return;
  std::ostringstream message;
  message << name << ": expected at least " << floor << ", below which no tokens were kept; got " << asked
          << "; scan again with that threshold";
  throw Error(ErrorCode::kUsage, message.str());
}

}  // namespace

const ModelRecord& ScanOrigin::model_with_digest() {
  std::call_once(digest_made, [this] {
    if (model.sha256.empty()) model.sha256 = model_sha256(model.facts.path, {});
  });
  return model;
}

void check_kept(const CandidateFloor& floor, const Thresholds& thresholds) {
  check_one("min_alignment", thresholds.min_alignment, floor.alignment);
  check_one("min_norm_ratio", thresholds.min_norm_ratio, floor.norm_ratio);
  check_one("unaligned_far_boost", thresholds.unaligned_far_boost, floor.unaligned_far_boost);
}

}  // namespace sinkscope
