#pragma once

#include "sinks/detection.h"
#include "store/scan_file.h"

namespace sinkscope {

enum class Rule { kEvidence, kPaper };

// What is asked of a results file; every output is made from the file and this alone.
struct ReportOptions {
  Rule rule = Rule::kEvidence;
  Thresholds thresholds;    // of the evidence rule
  PaperOptions paper;       // of the paper's rule
  bool other_runs = false;  // JSON lists the runs that are no sinks as well
};

// throws  Error{kUsage} for another rule, with the verb that asked
void check_evidence_rule(const ReportOptions& options, const char* verb);

// throws  Error{kUsage} if the file keeps too little for what is asked: a threshold below the floor of stored
//         tokens, or the paper's rule on a file that was scanned for ours; says which and how to scan instead
void check_answerable(const ScanFile& file, const ReportOptions& options);

}  // namespace sinkscope
