#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/options/input_options.h"
#include "probe/vocabulary.h"
#include "text/token_spool.h"

namespace sinkscope {

struct TokenizedInput {
  TokenSpool sequences;
  std::vector<std::string> notes;  // on how they were made, for the model's record
};

// Tokenises what the command line names.
//
// max_tokens  of a sequence
// on_skip     told of documents of a corpus that cannot be used; elsewhere they are errors
// throws      as read_documents
TokenizedInput tokenize_input(const InputOptions& input, const Vocabulary& vocabulary, int max_tokens,
                              DocumentSource& documents, const OnSkip& on_skip);

// The texts of the command line as the sequences that a scan would run, all in memory.
//
// throws  Error{kInput} if a text cannot be used: nothing is skipped
std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const Vocabulary& vocabulary,
                                                 int max_tokens);

}  // namespace sinkscope
