#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>

#include "store/scan_file.h"

namespace sinkscope {

// The stored profiles as safetensors: float32 arrays [n_layers, n_tokens], NaN where not measured, and token_ids.
//
// ordinal  one document, whose arrays have plain names; nothing: all, named "0/hidden_norm", "1/hidden_norm", ...,
//          but plain where the file holds one document
// throws   Error{kUsage} if the file keeps no profiles; Error{kInput} if it is damaged, or has no such document;
//          Error{kOutput} if `out` fails
// memory   one array at a time
void write_safetensors(const ScanFile& file, std::optional<std::int64_t> ordinal, std::ostream& out);

}  // namespace sinkscope
