#pragma once

#include <cstdint>

#include "engine/accel/onednn.h"

namespace sinkscope::accel {

// Float32 numbers of one row of a tensor, whatever their ggml type, from the first-th on.
//
// Before the first call ggml_cpu_init() fills its tables, as every CPU backend does when it is made.
//
// first  a multiple of the type's block, as every multiple of 256 is
void to_float32(const char* row, int ggml_type, int first, int count, float* to);

// The other way: float32 numbers as a left factor of a product has them, rounded to bf16 or as they are.
void from_float32(const float* from, std::int64_t count, Number number, void* to);

}  // namespace sinkscope::accel
