#include "engine/llama/vocabulary_product.h"

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cstring>

#include "base/error.h"
#include "engine/accel/device.h"

namespace sinkscope {
namespace {

struct ContextDeleter {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
struct BufferDeleter {
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
};

// A weight that the processor can multiply with, in a layout of its own too.
bool is_weight(const ggml_tensor* tensor) {
  if (tensor == nullptr || tensor->op != GGML_OP_NONE || tensor->buffer == nullptr) return false;
  if (ggml_backend_buffer_is_host(tensor->buffer)) return true;
  const ggml_backend_dev_t device = ggml_backend_buft_get_device(ggml_backend_buffer_get_type(tensor->buffer));
  return device != nullptr && ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU;
}

bool is_known(int op) {
  return op == GGML_OP_MUL_MAT || op == GGML_OP_ADD || op == GGML_OP_MUL || op == GGML_OP_SCALE || op == GGML_OP_UNARY;
}

ggml_tensor* add_step(ggml_context* context, int op, ggml_tensor* current, ggml_tensor* weight) {
  switch (op) {
    case GGML_OP_MUL_MAT:
      return ggml_mul_mat(context, weight, current);
    case GGML_OP_ADD:
      return ggml_add(context, current, weight);
    case GGML_OP_MUL:
      return ggml_mul(context, current, weight);
    case GGML_OP_SCALE:
      return ggml_scale(context, current, 1);
    default:
      return ggml_tanh(context, current);
  }
}

}  // namespace

void VocabularyProduct::BackendDeleter::operator()(ggml_backend* backend) const { ggml_backend_free(backend); }

VocabularyProduct::VocabularyProduct(ggml_cgraph* graph, const ResolvedPrecision& precision, int n_threads)
    : precision_(precision), n_threads_(n_threads) {
  read(graph);
}

VocabularyProduct::~VocabularyProduct() = default;

void VocabularyProduct::read(ggml_cgraph* graph) {
  const ggml_tensor* current = nullptr;
  for (int i = 0; i < ggml_graph_n_nodes(graph) && unknown_.empty(); ++i) {
    const ggml_tensor* node = ggml_graph_node(graph, i);
    if (std::strcmp(node->name, "result_norm") == 0) {
      current = node;
      width_ = node->ne[0];
      continue;
    }
    if (current == nullptr) continue;
    const bool first = node->src[0] == current;
    ggml_tensor* other = first ? node->src[1] : node->src[0];
    const bool reads = first || node->src[1] == current;
    const bool soft_cap = node->op == GGML_OP_UNARY && ggml_get_unary_op(node) == GGML_UNARY_OP_TANH;
    if (!reads || !is_known(node->op) || (node->op == GGML_OP_UNARY && !soft_cap) ||
        (other != nullptr && !is_weight(other)) || (node->op == GGML_OP_MUL_MAT && first)) {
      unknown_ = std::string(ggml_op_desc(node)) + " (" + node->name + ")";
      if (reads && other != nullptr && is_known(node->op) && !is_weight(other)) unknown_ += " with weights elsewhere";
      return;
    }
    const auto* params = reinterpret_cast<const std::uint8_t*>(node->op_params);
    steps_.push_back({node->op, {params, params + sizeof node->op_params}, other});
    current = node;
  }
  if (current == nullptr) unknown_ = "no final norm";
  if (unknown_.empty() && (steps_.empty() || steps_.front().op != GGML_OP_MUL_MAT)) unknown_ = "no product";
}

void VocabularyProduct::compute(MatrixView<const float> states, Matrix<float>& logits) {
  if (!unknown_.empty()) {
    throw Error(ErrorCode::kModel, "next-token logits: expected a network whose final norm is followed by a product with "
                                   "the vocabulary, its bias, scale and soft cap, in host memory; got " +
                                       unknown_);
  }
  if (states.stride() != states.cols() || static_cast<std::int64_t>(states.cols()) != width_) {
    throw Error(ErrorCode::kModel, "next-token logits: expected states of width " + std::to_string(width_) + ", got " +
                                       std::to_string(states.cols()));
  }
  if (!backend_) {
    ggml_backend_dev_t device = nullptr;
    if (precision_.precision != Precision::kNative) device = ggml_backend_dev_by_name("sinkscope");
    backend_.reset(device != nullptr ? ggml_backend_dev_init(device, nullptr) : ggml_backend_cpu_init());
    if (!backend_) throw Error(ErrorCode::kModel, "next-token logits: expected a backend, got none");
    if (device == nullptr) {
      ggml_backend_cpu_set_n_threads(backend_.get(), n_threads_);
    } else {
      const auto set_n_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
          ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_set_n_threads"));
      set_n_threads(backend_.get(), n_threads_);
    }
  }
  const std::size_t n_tensors = steps_.size() + 8;
  const std::unique_ptr<ggml_context, ContextDeleter> context(
      ggml_init({ggml_tensor_overhead() * n_tensors + ggml_graph_overhead(), nullptr, true}));
  ggml_tensor* input =
      ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, width_, static_cast<std::int64_t>(states.rows()));
  ggml_tensor* current = input;
  for (const Step& step : steps_) {
    current = add_step(context.get(), step.op, current, step.weight);
    std::memcpy(current->op_params, step.op_params.data(), step.op_params.size());
  }
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, current);
  const std::unique_ptr<ggml_backend_buffer, BufferDeleter> buffer(
      ggml_backend_alloc_ctx_tensors_from_buft(context.get(), ggml_backend_cpu_buffer_type()));
  if (!buffer) throw Error(ErrorCode::kModel, "next-token logits: expected room for them in memory, got none");
  std::memcpy(input->data, states.data(), ggml_nbytes(input));
  const AccelScope scope(precision_);
  const ggml_status status = ggml_backend_graph_compute(backend_.get(), graph);
  scope.rethrow();
  if (status != GGML_STATUS_SUCCESS) {
    throw Error(ErrorCode::kModel, std::string("next-token logits: expected them to be computed, got ") +
                                       ggml_status_to_string(status));
  }
  const auto n_vocab = static_cast<std::size_t>(current->ne[0]);
  if (logits.rows() != states.rows() || logits.cols() != n_vocab) logits = Matrix<float>(states.rows(), n_vocab);
  std::memcpy(logits.data(), current->data, ggml_nbytes(current));
}

}  // namespace sinkscope
