#pragma once

#include <string>
#include <vector>

#include "store/import_file.h"
#include "text/document.h"

namespace sinkscope {

// Reads the records that the paper's authors publish: JSONL, an object a line.
//
//   candidate_sinks  an object by position: {"layer": [flagged layers], "token_id": N, "sink_type": "..."}
//   sample_index     names the document
//   prompt_len, response_len, full_text_len, in tokens
//
// Other members are ignored. on_skip is told of every line that is no such record, and why.
// throws  Error{kInput} if the file cannot be read, or holds no record
std::vector<ImportedDocument> read_authors_records(const std::string& path, int n_layers, const OnSkip& on_skip);

}  // namespace sinkscope
