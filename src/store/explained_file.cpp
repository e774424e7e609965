#include "store/explained_file.h"

#include <utility>

#include "store/explained_rows.h"

namespace sinkscope {

LoadSequence documents_to_explain(const ScanFile& file, const Thresholds& thresholds) {
  return [&file, thresholds](std::int64_t ordinal) {
    StoredDocument document = file.document(ordinal);
    SequenceToExplain sequence{ordinal, std::move(document.key), std::move(document.tokens), std::move(document.figures), {}};
    sequence.detection = detect_by_evidence(sequence.figures, thresholds);
    return sequence;
  };
}

std::optional<ExplainedFile> explained_of(const ScanFile& file, const Thresholds& thresholds) {
  const ExplainedRows rows(file);
  auto request = rows.request();
  if (!request) return std::nullopt;
  request->thresholds = thresholds;
  request->run.min_distance = file.options().min_distance;
  Explanation explanation =
      judge_explanation(file.n_documents(), documents_to_explain(file, thresholds), *request, rows);
  return ExplainedFile{std::move(*request), std::move(explanation)};
}

}  // namespace sinkscope
