#pragma once

#include <optional>

#include "sinks/detection.h"
#include "store/scan_file.h"

namespace sinkscope {

enum class Rule { kEvidence, kPaper };

// What is asked of a results file; every output is made from the file and this alone.
struct ReportOptions {
  std::optional<Rule> rule;           // nothing: the one that the file was scanned for
  Thresholds thresholds;              // of the evidence rule
  std::optional<PaperOptions> paper;  // of the paper's rule; nothing: as the file was scanned
  bool other_runs = false;            // JSON lists the runs that are no sinks as well
};

// Which rule a file is judged by, and how the paper's.
Rule rule_of(const ScanFile& file, const ReportOptions& options);
PaperOptions paper_of(const ScanFile& file, const ReportOptions& options);

// throws  Error{kUsage} if the file keeps too little for what is asked: a threshold below the floor of stored
//         tokens, or the paper's rule on a file that was scanned for ours; says which and how to scan instead
void check_answerable(const ScanFile& file, const ReportOptions& options);

}  // namespace sinkscope
