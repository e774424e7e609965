#pragma once

#include <iosfwd>

#include "formation/judge_explanation.h"
#include "store/scan_file.h"

namespace sinkscope {

// JSON of schema "sinkscope.explain/1"; docs/explain.md lists its fields. Equal explanations give equal bytes.
//
// file    the results that were explained: names and texts of documents
// throws  Error{kOutput} if `out` fails; Error{kInput} if the file is damaged
void write_explain_json(const ScanFile& file, const Explanation& explanation, const ExplainRequest& request,
                        std::ostream& out);

}  // namespace sinkscope
