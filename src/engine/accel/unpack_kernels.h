#pragma once

#include <cstdint>

namespace sinkscope::accel {

// Quantised weights to float32, from the first of a block on.
//
// blocks     of one GGUF type, one after another
// to         [n_weights]
// n_weights  a multiple of the type's block
using UnpackKernel = void (*)(const void* blocks, float* to, std::int64_t n_weights);

// The one for this processor's instructions; null for types that ggml's own conversion unpacks well enough.
//
// The common types, at 2 to 10 times the speed of ggml's loops: within one rounding of what those give, since a product
// and a sum are rounded once here.
UnpackKernel unpack_kernel_of_processor(int ggml_type);

}  // namespace sinkscope::accel
