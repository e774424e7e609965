#include "engine/accel/numbers.h"

#include <ggml-cpu.h>
#include <ggml.h>

#include <cstring>

namespace sinkscope::accel {

namespace {

void copy(const void* from, float* to, std::int64_t count) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void from_f16(const void* from, float* to, std::int64_t count) {
  ggml_cpu_fp16_to_fp32(static_cast<const ggml_fp16_t*>(from), to, count);
}

void from_bf16(const void* from, float* to, std::int64_t count) {
  ggml_cpu_bf16_to_fp32(static_cast<const ggml_bf16_t*>(from), to, count);
}

UnpackKernel kernel_for(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32:
      return copy;
    case GGML_TYPE_F16:  // ggml's general conversion is ten times slower than the one of its CPU backend
      return from_f16;
    case GGML_TYPE_BF16:
      return from_bf16;
    default:
      if (const UnpackKernel unpack = unpack_kernel_of_processor(type)) return unpack;
      return ggml_get_type_traits(type)->to_float;
  }
}

}  // namespace

RowReader::RowReader(int ggml_type_number) {
  const auto type = static_cast<ggml_type>(ggml_type_number);
  convert_ = kernel_for(type);
  block_numbers_ = ggml_blck_size(type);
  block_bytes_ = static_cast<std::ptrdiff_t>(ggml_type_size(type));
}

void from_float32(const float* from, std::int64_t count, Number number, void* to) {
  if (number == Number::kF32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
  } else {
    ggml_cpu_fp32_to_bf16(from, static_cast<ggml_bf16_t*>(to), count);
  }
}

}  // namespace sinkscope::accel
