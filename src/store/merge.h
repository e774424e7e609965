#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "store/records.h"

namespace sinkscope {

struct MergeSummary {
  std::int64_t documents = 0;  // in the merged file
  std::int64_t tokens = 0;     // of them
  std::int64_t repeated = 0;   // documents of the inputs that others hold as well
};

// Puts the documents of several results files into a new one. Which file comes first does not matter, nor in which
// steps files are merged: documents are ordered by their first origin (file, line, chunk, name), then by key.
//
// A document that several files hold is kept once, with the origins of all; of its figures those that come first as
// bytes, profiles after them. Imported records merge with imported ones only.
//
// run     this run of the program
// throws  Error{kInput} if models, tokenisation or measurement options differ, naming the file and the option, or an
//         input cannot be read; Error{kOutput} if there is a file at `output`, or it cannot be written
// memory  the keys and origins of all documents, and two documents
MergeSummary merge_results(std::span<const std::string> inputs, const std::string& output, const ProgramRun& run);

}  // namespace sinkscope
