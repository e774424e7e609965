#pragma once

#include <functional>

#include "scan/document_tokenizer.h"
#include "text/document.h"
#include "text/token_spool.h"

namespace sinkscope {

struct ReadOptions {
  int max_tokens = 0;   // of a sequence, BOS included
  bool corpus = false;  // a document that cannot be used is skipped, not an error
  std::function<bool()> should_stop;
};

// Reads all documents and tokenises them: afterwards their lengths are known, and every error of the input that can
// be found without running the model has been found.
//
// documents  of more than max_tokens are an error if there is one document, and skipped in a corpus
// returns    the sequences in order; at least one
// throws     Error{kInput} if no document can be used; RefusedText if the model does not take the one text;
// Error{kInterrupted}
TokenSpool read_documents(DocumentSource& documents, const DocumentTokenizer& tokenizer, const ReadOptions& options,
                          const OnSkip& on_skip);

}  // namespace sinkscope
