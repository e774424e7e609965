#pragma once

namespace sinkscope::accel {

// Float32 numbers of one row of a tensor, whatever their ggml type, from the first-th on.
//
// Before the first call ggml_cpu_init() fills its tables, as every CPU backend does when it is made.
//
// first  a multiple of the type's block, as every multiple of 256 is
void to_float32(const char* row, int ggml_type, int first, int count, float* to);

}  // namespace sinkscope::accel
