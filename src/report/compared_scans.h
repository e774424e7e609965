#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compare/comparison.h"
#include "report/options.h"
#include "store/scan_file.h"

namespace sinkscope {

// One text that both results files hold.
struct ComparedDocument {
  std::string id;                   // of its first origin in the first file
  std::int64_t document_offset = 0;  // position in the document = position in the sequence + this
  int n_tokens = 0;
  DocumentChanges changes;
  std::vector<std::string> tokens;  // [changes.sinks] the bytes of each one's token
};

struct ComparedScans {
  ModelRecord before, after;
  std::vector<OptionDifference> options;           // what was measured otherwise: expected is before, got after
  std::int64_t only_before = 0, only_after = 0;    // texts that one file alone holds
  std::vector<ComparedDocument> documents;         // in the order of the first file
  Comparison comparison;
};

// Two scans of the same texts: of two quantisations, checkpoints, fine-tunes or settings of one model. Texts are told by
// their token ids. Both are judged by the evidence rule under `options.thresholds`.
//
// before, after  with the names by which errors call them
// throws  Error{kInput} if the files have other numbers of layers or another min_distance, if a text of one name has other
//         tokens in the other file, or no text is in both: says which, and how they differ; as judge()
// cost    both files once; two documents at a time are in memory, beside their sinks
ComparedScans compare_scans(const ScanFile& before, const std::string& before_name, const ScanFile& after,
                            const std::string& after_name, const ReportOptions& options, std::uint64_t seed);

}  // namespace sinkscope
