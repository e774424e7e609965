#pragma once

#include <vector>

#include "base/ids.h"
#include "cli/options/input_options.h"
#include "cli/options/model_options.h"
#include "text/token_spool.h"

namespace sinkscope {

// Tokenises all documents, by a load of the vocabulary alone: the model itself comes later.
//
// corpus    a document that cannot be used is handed to on_skip; else it is an error
// room      tokens of the context that no sequence may take
// throws    as read_documents and load_model
TokenSpool tokenize_input(const InputOptions& input, const ModelOptions& model, DocumentSource& documents, int room,
                          const OnSkip& on_skip);

// The texts of the command line as the sequences that a scan would run, all in memory.
//
// throws  Error{kInput} if a text cannot be used: nothing is skipped
std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const ModelOptions& model);

}  // namespace sinkscope
