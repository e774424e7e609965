#include "engine/accel/numbers.h"

#include <ggml-cpu.h>
#include <ggml.h>

#include <cstring>

#include "engine/accel/unpack_kernels.h"

namespace sinkscope::accel {

void to_float32(const char* row, int ggml_type_number, int first, int count, float* to) {
  const auto type = static_cast<ggml_type>(ggml_type_number);
  const char* from = row + ggml_row_size(type, first);
  switch (type) {
    case GGML_TYPE_F32:
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
      return;
    case GGML_TYPE_F16:  // ggml's general conversion is ten times slower than the one of its CPU backend
      ggml_cpu_fp16_to_fp32(reinterpret_cast<const ggml_fp16_t*>(from), to, count);
      return;
    case GGML_TYPE_BF16:
      ggml_cpu_bf16_to_fp32(reinterpret_cast<const ggml_bf16_t*>(from), to, count);
      return;
    default:
      if (const UnpackKernel unpack = unpack_kernel_of_processor(type)) {
        unpack(from, count, to);
      } else {
        ggml_get_type_traits(type)->to_float(from, to, count);
      }
  }
}

void from_float32(const float* from, std::int64_t count, Number number, void* to) {
  if (number == Number::kF32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  } else {
    ggml_cpu_fp32_to_bf16(from, static_cast<ggml_bf16_t*>(to), count);
  }
}

}  // namespace sinkscope::accel
