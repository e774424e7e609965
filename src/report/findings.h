#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "levels/levels.h"
#include "report/attention_taken.h"
#include "report/judged.h"

namespace sinkscope {

struct FoundSink {
  std::size_t text = 0;  // index into Findings::texts
  Run run;
  std::string token;  // its bytes
};

struct FoundText {
  std::string name;
  int n_tokens = 0;
  Counts counts;
};

// What was found in one results file, said once for all outputs that say it in sentences.
struct Findings {
  Rule rule = Rule::kEvidence;
  std::vector<FoundText> texts;  // in order of ordinals
  std::int64_t n_tokens = 0;
  Counts counts;
  std::vector<FoundSink> strongest;    // by prominence_of, kStrongest at most, the primary not among them;
                                       // by the paper's rule by flagged layers
  AttentionTaken taken;                // by the evidence rule
  std::string headline;                // what was found, in a few words: see report/headline.h
  std::vector<std::string> sentences;  // displayable UTF-8, tokens in quotation marks
  std::vector<std::string> warnings;   // what to know before trusting the numbers
};
inline constexpr std::size_t kStrongest = 24;

// Makes findings while a file is judged. The file must outlive it.
class FindingsView : public JudgedView {
 public:
  FindingsView(const ScanFile& file, const ReportOptions& options);
  ~FindingsView() override;
  void see(const JudgedDocument& judged) override;
  // After the last document.
  //
  // levels  of sinks of every kind beside the primary
  Findings findings(const LevelReport& levels);

 private:
  class Collector;
  std::unique_ptr<Collector> collector_;
};

// All that is said of a file as a whole.
struct Overview {
  Totals totals;
  SinkCorpus corpus;   // of sinks of every kind beside the primary
  LevelReport levels;  // of these
  Findings found;
};

// views    what else is to be shown of each document
// throws   as judge
// cost     one pass over the file; memory a few words a document and a sink
Overview overview_of(const ScanFile& file, const ReportOptions& options, const LevelOptions& level_options,
                     std::span<JudgedView* const> views = {});

// The sinks of a file, of every kind beside the primary: what levels alone ask, without reading any figures under
// default thresholds.
SinkCorpus corpus_of(const ScanFile& file, const ReportOptions& options);

}  // namespace sinkscope
