#include "store/ablated_file.h"

#include <fmt/format.h>

#include <utility>

#include "store/ablation_rows.h"

namespace sinkscope {

SequenceToAblate sequence_to_ablate(const StoredDocument& document, const Thresholds& thresholds) {
  const Origin& origin = document.origins.at(0);
  SequenceToAblate sequence;
  sequence.ordinal = document.ordinal;
  sequence.key = document.key;
  sequence.id = origin.id;
  sequence.unit =
      origin.chunk ? fmt::format("{}\n{}\n{}", origin.file, origin.line.value_or(0), origin.id) : document.key;
  sequence.chunk = origin.chunk;
  sequence.tokens = document.tokens;
  sequence.detection = detect_by_evidence(document.figures, thresholds);
  return sequence;
}

std::optional<AblatedFile> ablated_of(const ScanFile& file) {
  const AblationRows rows(file);
  const std::vector<std::string> all = rows.specifications();
  if (all.empty()) return std::nullopt;
  AblatedFile ablated;
  ablated.request = request_of_specification(all.back());
  ablated.request.edits.clear();
  ablated.request.run.min_distance = file.options().min_distance;
  std::vector<std::string> wanted;
  for (const std::string& specification : all) {
    if (shared_specification(specification) != shared_specification(all.back())) continue;
    wanted.push_back(specification);
    ablated.request.edits.push_back(request_of_specification(specification).edits.front());
  }
  ablated.ablation.edits.resize(wanted.size());
  for (std::int64_t ordinal = 0; ordinal < file.n_documents(); ++ordinal) {
    std::optional<SequenceToAblate> sequence;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::optional<SequenceAblation> found = rows.find(wanted[i], ordinal);
      if (!found) continue;
      if (!sequence) sequence = sequence_to_ablate(file.document(ordinal), ablated.request.thresholds);
      name_sequence(*found, *sequence);
      ablated.ablation.edits[i].push_back(std::move(*found));
    }
  }
  return ablated;
}

}  // namespace sinkscope
