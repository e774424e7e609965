#include "api/parts.h"

#include <algorithm>
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

const ModelRecord& OriginModel::with_digest() {
  std::call_once(digest_made, [this] {
    if (record.sha256.empty()) record.sha256 = model_sha256(record.facts.path, {});
  });
  return record;
}

ModelRecord model_of(std::span<const ScannedText> texts) {
  ModelRecord record = texts.front().parts().origin->model->with_digest();
  for (const ScannedText& text : texts) {
    for (const std::string& note : text.parts().origin->notes) {
      if (std::ranges::find(record.notes, note) == record.notes.end()) record.notes.push_back(note);
    }
  }
  return record;
}

ScannedDocument whole_document(const ScannedText& text, const ScannedText::Parts& parts) {
  ScannedDocument whole = *parts.document;
  if (!parts.file) return whole;
  for (const std::string& name : text.array_names()) {
    const std::lock_guard lock(parts.file->in_use);
    whole.profiles.push_back(parts.file->file.profile(parts.ordinal, name));
  }
  return whole;
}

void check_one_measurement(const std::string& what, std::span<const ScannedText> texts) {
  if (texts.empty()) throw Error(ErrorCode::kUsage, what + ": expected at least one text, got none");
  const ScanOrigin* first = texts.front().parts().origin.get();
  const ScanOrigin* checked = first;
  for (const ScannedText& text : texts) {
    const ScanOrigin* origin = text.parts().origin.get();
    if (origin == first || origin == checked) continue;
    const std::string expected = what + ": expected texts of one model, measured in one way, ";
    if (const auto differences = option_differences(first->measurement, origin->measurement); !differences.empty()) {
      throw Error(ErrorCode::kInput, expected + in_words(differences.front()) + "; take those of each sort for themselves");
    }
    if (origin->model != first->model && origin->model->with_digest().sha256 != first->model->with_digest().sha256) {
      throw Error(ErrorCode::kInput, expected + "got texts of '" + first->model->record.facts.path + "' and of '" +
                                         origin->model->record.facts.path + "'; take those of each for themselves");
    }
    checked = origin;
  }
}

void check_kept(const CandidateFloor& floor, const Thresholds& thresholds) {
  check_one("min_alignment", thresholds.min_alignment, floor.alignment);
  check_one("min_norm_ratio", thresholds.min_norm_ratio, floor.norm_ratio);
  check_one("unaligned_far_boost", thresholds.unaligned_far_boost, floor.unaligned_far_boost);
}

}  // namespace sinkscope
