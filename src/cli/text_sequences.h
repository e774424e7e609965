#pragma once

#include <vector>

#include "base/ids.h"
#include "cli/input_options.h"
#include "cli/model_options.h"

namespace sinkscope {

// The texts of the command line as the sequences that a scan would run, all in memory.
//
// throws  Error{kInput} if a text cannot be used: nothing is skipped
std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const ModelOptions& model);

}  // namespace sinkscope
