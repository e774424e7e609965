#pragma once

namespace sinkscope::accel {

// Quantised weights to float32, from the first of a block on.
//
// blocks     of one GGUF type, one after another
// n_weights  a multiple of the type's block
// to         [n_weights]
using UnpackKernel = void (*)(const void* blocks, int n_weights, float* to);

// The one for this processor's instructions; null for types that ggml's own conversion unpacks well enough.
//
// The common types, at 2 to 10 times the speed of ggml's loops: within one rounding of what those give, since a product
// and a sum are rounded once here.
UnpackKernel unpack_kernel_of_processor(int ggml_type);

}  // namespace sinkscope::accel
