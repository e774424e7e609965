#include "engine/llama/tensor_access.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <cstring>
#include <string>

#include "base/error.h"

namespace sinkscope {

const void* host_bytes(const ggml_tensor* tensor, std::vector<std::uint8_t>& copy) {
  ggml_backend_buffer_t buffer = tensor->view_src ? tensor->view_src->buffer : tensor->buffer;
  if (!buffer || ggml_backend_buffer_is_host(buffer)) return tensor->data;
  const std::size_t n_bytes = ggml_nbytes(tensor);
  if (copy.size() < n_bytes) copy.resize(n_bytes);
  ggml_backend_tensor_get(tensor, copy.data(), 0, n_bytes);
  return copy.data();
}

namespace {

HeadVectors unpacked(const ggml_tensor* tensor, std::vector<std::uint8_t>& copy) {
  std::vector<std::uint8_t> packed_copy;
  const auto* packed = static_cast<const char*>(host_bytes(tensor, packed_copy));
  const ggml_to_float_t to_float = ggml_get_type_traits(tensor->type)->to_float;
  const auto n_tokens = static_cast<std::size_t>(tensor->ne[1]), n_heads = static_cast<std::size_t>(tensor->ne[2]);
  const std::size_t row_bytes = static_cast<std::size_t>(tensor->ne[0]) * sizeof(float);
  if (copy.size() < n_heads * n_tokens * row_bytes) copy.resize(n_heads * n_tokens * row_bytes);
  for (std::size_t head = 0; head < n_heads; ++head) {
    for (std::size_t token = 0; token < n_tokens; ++token) {
      to_float(packed + token * tensor->nb[1] + head * tensor->nb[2],
               reinterpret_cast<float*>(copy.data() + (head * n_tokens + token) * row_bytes), tensor->ne[0]);
    }
  }
  return {copy.data(), ElementType::kF32, row_bytes, n_tokens * row_bytes};
}

}  // namespace

HeadVectors head_vectors(const ggml_tensor* tensor, std::vector<std::uint8_t>& copy) {
  if (ggml_is_quantized(tensor->type) && ggml_get_type_traits(tensor->type)->to_float) return unpacked(tensor, copy);
  return {host_bytes(tensor, copy), element_type_of(tensor), tensor->nb[1], tensor->nb[2]};
}

ElementType element_type_of(const ggml_tensor* tensor) {
  switch (tensor->type) {
    case GGML_TYPE_F32:
      return ElementType::kF32;
    case GGML_TYPE_F16:
      return ElementType::kF16;
    case GGML_TYPE_BF16:
      return ElementType::kBF16;
    default:
      throw Error(ErrorCode::kModel, std::string(tensor->name) + ": expected numbers of type f32, f16 or bf16, got " +
                                         ggml_type_name(tensor->type));
  }
}

MatrixView<const float> token_rows(const ggml_tensor* tensor, int n_tokens, std::vector<std::uint8_t>& copy,
                                   std::vector<float>& rows) {
  const std::int64_t n_elements = ggml_nelements(tensor);
  const int last = ggml_n_dims(tensor) - 1;
  const bool one_row_a_token = n_tokens == 1 || (last >= 1 && tensor->ne[last] == n_tokens);
  if (!one_row_a_token || !ggml_is_contiguous(tensor)) {
    throw Error(ErrorCode::kModel, std::string(tensor->name) + ": expected one contiguous vector for each of " +
                                       std::to_string(n_tokens) + " tokens, got " + std::to_string(n_elements) +
                                       " numbers; this architecture cannot be observed");
  }
  const auto n_rows = static_cast<std::size_t>(n_tokens);
  const auto width = static_cast<std::size_t>(n_elements) / n_rows;
  const void* data = host_bytes(tensor, copy);
  if (tensor->type == GGML_TYPE_F32) return {static_cast<const float*>(data), n_rows, width};
  const ggml_to_float_t to_float = ggml_get_type_traits(tensor->type)->to_float;
  if (!to_float) element_type_of(tensor);
  rows.resize(static_cast<std::size_t>(n_elements));
  to_float(data, rows.data(), n_elements);
  return {rows.data(), n_rows, width};
}

MatrixView<const float> rows_for_cells(const ggml_tensor* set_rows, std::vector<std::uint8_t>& copy,
                                       std::vector<float>& rows) {
  const ggml_tensor* source = set_rows->src[0];
  if (source->type != GGML_TYPE_F32 || source->nb[0] != sizeof(float) || source->ne[2] != 1 || source->ne[3] != 1) {
    throw Error(ErrorCode::kModel, std::string(set_rows->name) + ": expected rows of float32 numbers, got " +
                                       ggml_type_name(source->type) + "; this cache cannot be observed");
  }
  const auto n = static_cast<std::size_t>(source->ne[1]), width = static_cast<std::size_t>(source->ne[0]);
  const auto* bytes = static_cast<const std::uint8_t*>(host_bytes(source, copy));
  rows.resize(n * width);
  for (std::size_t row = 0; row < n; ++row) {
    std::memcpy(rows.data() + row * width, bytes + row * source->nb[1], width * sizeof(float));
  }
  return {rows.data(), n, width};
}

void write_cells(ggml_tensor* set_rows, MatrixView<const float> rows, std::span<const std::uint8_t> changed) {
  const ggml_type type = set_rows->type;
  if (type != GGML_TYPE_F32 && type != GGML_TYPE_F16) {
    throw Error(ErrorCode::kModel, std::string(set_rows->name) + ": expected a cache of f16 or f32, got " +
                                       ggml_type_name(type) + "; its rows cannot be changed");
  }
  std::vector<std::uint8_t> copy;
  const ggml_tensor* cells = set_rows->src[1];
  const auto* cell_bytes = static_cast<const std::uint8_t*>(host_bytes(cells, copy));
  std::vector<ggml_fp16_t> halves(rows.cols());
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (!changed[row]) continue;
    std::int64_t cell = 0;
    if (cells->type == GGML_TYPE_I64) {
      std::memcpy(&cell, cell_bytes + row * cells->nb[0], sizeof cell);
    } else {
      std::int32_t narrow = 0;
      std::memcpy(&narrow, cell_bytes + row * cells->nb[0], sizeof narrow);
      cell = narrow;
    }
    const void* numbers = rows.row(row).data();
    if (type == GGML_TYPE_F16) {
      ggml_fp32_to_fp16_row(rows.row(row).data(), halves.data(), static_cast<std::int64_t>(rows.cols()));
      numbers = halves.data();
    }
    ggml_backend_tensor_set(set_rows, numbers, static_cast<std::size_t>(cell) * set_rows->nb[1],
                            rows.cols() * ggml_type_size(type));
  }
}

}  // namespace sinkscope
