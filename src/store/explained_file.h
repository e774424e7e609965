#pragma once

#include <optional>

#include "formation/judge_explanation.h"
#include "store/scan_file.h"

namespace sinkscope {

// What explain measured of a results file, judged.
struct ExplainedFile {
  ExplainRequest request;  // what it was measured for, with the thresholds under which it is judged
  Explanation explanation;
};

// throws  Error{kInput} if what is stored is damaged
// returns  nothing if explain has not seen the file
std::optional<ExplainedFile> explained_of(const ScanFile& file, const Thresholds& thresholds);

// The file's documents, as explaining asks for them.
LoadSequence documents_to_explain(const ScanFile& file, const Thresholds& thresholds);

}  // namespace sinkscope
