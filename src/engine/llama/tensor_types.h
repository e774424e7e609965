#pragma once

#include "gguf/file.h"

namespace sinkscope {

// Refuses weights of types that ggml stores and does not compute with: it would end the process over them.
//
// throws  Error{kModel} naming the tensor and its type
void check_tensor_types(const GgufFile& file);

}  // namespace sinkscope
