#include "engine/gpu/work.h"

#include <ggml-alloc.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace sinkscope::gpu {
namespace {

std::size_t round_up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

ggml_context* context_for(Queue& queue, std::size_t n_tensors) {
  const std::size_t n_bytes = n_tensors * ggml_tensor_overhead() + ggml_graph_overhead_custom(n_tensors, false);
  return ggml_init({n_bytes, queue.description(n_bytes).data(), true});
}

}  // namespace

Work::Work(Queue& queue, std::size_t n_tensors)
    : queue_(queue),
      context_(context_for(queue, n_tensors)),
      graph_(ggml_new_graph_custom(context_, n_tensors, false)) {}

Work::~Work() { ggml_free(context_); }

ggml_tensor* Work::leaf(const ggml_tensor& tensor) {
  ggml_tensor* leaf = ggml_new_tensor(context_, tensor.type, GGML_MAX_DIMS, tensor.ne);
  std::copy(std::begin(tensor.nb), std::end(tensor.nb), std::begin(leaf->nb));
  leaf->buffer = tensor.view_src ? tensor.view_src->buffer : tensor.buffer;
  leaf->data = tensor.data;
  leaf->extra = tensor.extra;
  return leaf;
}

ggml_tensor* Work::rows(const ggml_tensor& tensor, std::int64_t n_rows) {
  return ggml_reshape_2d(context_, leaf(tensor), ggml_nelements(&tensor) / n_rows, n_rows);
}

ggml_tensor* Work::input(ggml_type type, const void* data, std::int64_t ne0, std::int64_t ne1) {
  ggml_tensor* tensor = ggml_new_tensor_2d(context_, type, ne0, ne1);
  uploads_.emplace_back(tensor, data);
  return tensor;
}

ggml_tensor* Work::upload(std::span<const float> values, std::int64_t ne0, std::int64_t ne1) {
  return input(GGML_TYPE_F32, values.data(), ne0, ne1);
}

ggml_tensor* Work::upload(std::span<const std::int32_t> values, std::int64_t ne0, std::int64_t ne1) {
  return input(GGML_TYPE_I32, values.data(), ne0, ne1);
}

void Work::add(ggml_tensor* operation) { ggml_build_forward_expand(graph_, operation); }

void Work::download(ggml_tensor* operation, std::span<float> to) {
  add(operation);
  downloads_.emplace_back(operation, to.data());
}

bool Work::supported() const {
  for (int i = 0; i < ggml_graph_n_nodes(graph_); ++i) {
    if (!queue_.supports(ggml_graph_node(graph_, i))) return false;
  }
  return true;
}

void Work::allocate() {
  const ggml_backend_buffer_type_t type = ggml_backend_get_default_buffer_type(queue_.backend());
  const std::size_t alignment = ggml_backend_buft_get_alignment(type);
  std::size_t n_bytes = alignment;
  for (ggml_tensor* t = ggml_get_first_tensor(context_); t; t = ggml_get_next_tensor(context_, t)) {
    if (!t->data && !t->view_src) n_bytes += round_up(ggml_backend_buft_get_alloc_size(type, t), alignment);
  }
  ggml_tallocr allocator = ggml_tallocr_new(queue_.scratch(n_bytes));
  for (ggml_tensor* t = ggml_get_first_tensor(context_); t; t = ggml_get_next_tensor(context_, t)) {
    if (t->view_src) {
      if (!t->buffer) ggml_backend_view_init(t);
    } else if (!t->data) {
      ggml_tallocr_alloc(&allocator, t);
    }
  }
}

void Work::run() {
  allocate();
  for (const auto& [tensor, data] : uploads_) {
    ggml_backend_tensor_set_async(queue_.backend(), tensor, data, 0, ggml_nbytes(tensor));
  }
  const ggml_status status = ggml_backend_graph_compute_async(queue_.backend(), graph_);
  if (status != GGML_STATUS_SUCCESS) {
    throw Error(ErrorCode::kModel, std::string(ggml_backend_name(queue_.backend())) +
                                       ": expected to measure on the device, got: " + ggml_status_to_string(status));
  }
  for (const auto& [tensor, to] : downloads_) {
    ggml_backend_tensor_get_async(queue_.backend(), tensor, to, 0, ggml_nbytes(tensor));
    device_traffic().bytes_to_host += ggml_nbytes(tensor);
  }
}

Kept::Kept(Queue& queue, std::int64_t ne0, std::int64_t ne1, std::int64_t ne2, const char* what)
    : queue_(queue),
      context_(ggml_init({ggml_tensor_overhead() + 64, nullptr, true})),
      tensor_(ggml_new_tensor_3d(context_, GGML_TYPE_F32, ne0, ne1, ne2)) {
  const ggml_backend_buffer_type_t type = ggml_backend_get_default_buffer_type(queue.backend());
  try {
    const std::size_t alignment = ggml_backend_buft_get_alignment(type);
    buffer_ = queue.allocate(round_up(ggml_backend_buft_get_alloc_size(type, tensor_), alignment) + alignment, what);
  } catch (...) {
    ggml_free(context_);
    throw;
  }
  ggml_tallocr allocator = ggml_tallocr_new(buffer_.get());
  ggml_tallocr_alloc(&allocator, tensor_);
}

Kept::~Kept() {
  ggml_backend_synchronize(queue_.backend());
  ggml_free(context_);
}

}  // namespace sinkscope::gpu
