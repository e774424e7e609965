#pragma once

#include <iosfwd>
#include <vector>

#include "impact/protect.h"
#include "store/records.h"

namespace sinkscope {

// The primary and the sinks of each sequence as safetensors: "N/mask" uint8, 1 where a token is one of them, and
// "N/token_ids" int32, both [n_tokens]; N: the sequence's place in the results file.
//
// throws  Error{kOutput} if `out` fails
void write_mask_safetensors(const ModelRecord& model, const std::vector<SequenceProtection>& sequences,
                            std::ostream& out);

}  // namespace sinkscope
