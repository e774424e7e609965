#include "report/judged.h"

#include <vector>

#include "report/paper_detection.h"

namespace sinkscope {

std::string JudgedDocument::token(int position) const {
  return file.token_bytes(document.tokens.at(static_cast<std::size_t>(position)));
}

const Origin& JudgedDocument::first_origin() const {
  static const Origin kNone;
  return document.origins.empty() ? kNone : document.origins.front();
}

void Totals::add(const JudgedDocument& judged) {
  ++n_documents;
  n_tokens += judged.document.figures.n_tokens;
  n_with_sinks += judged.counts.sinks() > 0;
  counts.add(judged.counts);
  paper_counts.add(judged.paper_counts);
}

JudgedDocument judge_document(const ScanFile& file, const StoredDocument& document, const ReportOptions& options) {
  JudgedDocument judged{file, document, options, {}, {}, {}, {}, {}};
  if (rule_of(file, options) == Rule::kEvidence) {
    judged.evidence = detect_by_evidence(document.figures, options.thresholds);
    judged.counts.add(*judged.evidence, eligible_positions(document.figures, judged.evidence->primary));
  } else {
    judged.paper = detect_by_paper(document.figures, paper_of(file, options));
    judged.paper_counts.add(*judged.paper);
    judged.flagged = shown_detection(document.figures, *judged.paper);
    judged.counts.add(*judged.flagged, {0, document.figures.n_tokens});
  }
  return judged;
}

Totals judge(const ScanFile& file, const ReportOptions& options, std::span<JudgedView* const> views) {
  check_answerable(file, options);
  Totals totals;
  for (JudgedView* view : views) view->begin();
  file.for_each_document([&](const StoredDocument& document) {
    const JudgedDocument judged = judge_document(file, document, options);
    totals.add(judged);
    for (JudgedView* view : views) view->see(judged);
  });
  for (JudgedView* view : views) view->finish(totals);
  return totals;
}

Totals judge(const ScanFile& file, const ReportOptions& options, JudgedView& view) {
  JudgedView* const one = &view;
  return judge(file, options, std::span(&one, 1));
}

CorpusView::CorpusView(const ScanFile& file, const ReportOptions& options) : thresholds_(options.thresholds) {
  corpus_.n_layers = file.model().facts.n_layers;
  if (rule_of(file, options) == Rule::kPaper) corpus_.labels.assign(kPaperLabels.begin(), kPaperLabels.end());
}

void CorpusView::see(const JudgedDocument& judged) {
  static const std::vector<SinkKind> kBesidePrimary = {SinkKind::kPrimaryLike, SinkKind::kSecondary,
                                                       SinkKind::kUnaligned};
  corpus_.documents.push_back(
      corpus_document(judged.document.figures, judged.shown(), thresholds_, judged.document.tokens, kBesidePrimary));
  CorpusDocument& document = corpus_.documents.back();
  document.key = judged.document.key;
  if (judged.rule() == Rule::kEvidence) return;
  document.eligible_begin = 0;
  document.eligible_end = document.n_tokens;
  for (std::size_t i = 0; i < document.sinks.size(); ++i) {
    document.sinks[i].label = static_cast<int>(label_index(judged.paper->runs[i].label));
  }
}

}  // namespace sinkscope
