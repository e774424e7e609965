#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "levels/corpus.h"
#include "report/counts.h"
#include "report/options.h"
#include "store/scan_file.h"

namespace sinkscope {

// One document under the rule that was asked for.
struct JudgedDocument {
  const ScanFile& file;
  const StoredDocument& document;
  const ReportOptions& options;
  std::optional<Detection> evidence;    // with Rule::kEvidence
  std::optional<PaperDetection> paper;  // with Rule::kPaper
  std::optional<Detection> flagged;     // the same in the other's shape: shown_detection
  Counts counts;                        // of shown()
  PaperCounts paper_counts;             // of the paper's rule

  Rule rule() const { return evidence ? Rule::kEvidence : Rule::kPaper; }
  // What tables and figures that take either rule are made of.
  const Detection& shown() const { return evidence ? *evidence : *flagged; }
  // The bytes of the token at a position.
  std::string token(int position) const;
  // Position in the whole document = position + this.
  std::int64_t offset() const { return first_origin().document_offset; }
  // Where the document came from first; an empty origin where none is stored.
  const Origin& first_origin() const;
};

// What all documents of a results file have together.
struct Totals {
  std::int64_t n_documents = 0;
  std::int64_t n_tokens = 0;
  std::int64_t n_with_sinks = 0;  // documents with a sink beside the primary, by the evidence rule
  Counts counts;
  PaperCounts paper_counts;

  void add(const JudgedDocument& judged);
};

// An output, or a part of one, that is made while a results file is judged.
class JudgedView {
 public:
  virtual ~JudgedView() = default;
  // Before the first document, once it is known that the file can answer.
  virtual void begin() {}
  // One document, in order of ordinals. Nothing of it may be referred to after the call.
  virtual void see(const JudgedDocument& judged) = 0;
  // After the last document.
  virtual void finish(const Totals&) {}
};

// Applies the rule to each document of a results file once, and shows each to all views. JSON, CSV, terminal, summary
// and page are views: whoever wants several of them runs the rule once.
//
// throws  Error{kUsage} as check_answerable; Error{kInput} if a document is damaged; whatever a view throws
// cost    one pass over the file; one document at a time is in memory, beside what the views keep
Totals judge(const ScanFile& file, const ReportOptions& options, std::span<JudgedView* const> views);
Totals judge(const ScanFile& file, const ReportOptions& options, JudgedView& view);

// A single document.
JudgedDocument judge_document(const ScanFile& file, const StoredDocument& document, const ReportOptions& options);

// Keeps what levels ask: a few words a document and a sink. Sinks of every kind beside the primary; by the paper's rule
// all flagged tokens by their labels, and all tokens are eligible, as its authors count.
class CorpusView : public JudgedView {
 public:
  CorpusView(const ScanFile& file, const ReportOptions& options);
  void see(const JudgedDocument& judged) override;
  // After the last document, once.
  SinkCorpus take() { return std::move(corpus_); }

 private:
  Thresholds thresholds_;
  SinkCorpus corpus_;
};

}  // namespace sinkscope
