#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/file.h"

namespace sinkscope {

// A tensor to be written, given as floats.
struct NewGgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first
  std::uint32_t type = kGgufF32;    // kGgufF32 or kGgufF16
  std::vector<float> values;        // [product of shape]
};

// Writes a copy of a GGUF file in which some tensors are replaced. Metadata, order and all other tensors keep
// their bytes. The file appears whole or not at all: it is written beside the target and renamed.
//
// replaced  tensors of the source, by name and shape; type and numbers may differ
// throws    Error{kInternal} if a name or shape is not the source's, or a number does not fit the type;
//           Error{kOutput} if the file cannot be written
void write_gguf_copy(const GgufFile& source, std::span<const NewGgufTensor> replaced, const std::string& path);

// Writes a new GGUF file of version 3.
//
// throws  Error{kInternal} if numbers and shape do not agree or do not fit the type; Error{kOutput} as above
void write_gguf(const GgufMetadata& metadata, std::span<const NewGgufTensor> tensors, const std::string& path);

}  // namespace sinkscope
