#include "engine/llama/unused_logits.h"

#include <ggml-backend-impl.h>
#include <llama.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace sinkscope {
namespace {

// A buffer from which reading gives nothing: what is copied out of its tensors is left as it was.
ggml_backend_buffer_t discarding_buffer() {
  static const auto make = [] {
    ggml_backend_buffer_i interface{};
    interface.get_base = [](ggml_backend_buffer_t) -> void* { return nullptr; };
    interface.get_tensor = [](ggml_backend_buffer_t, const ggml_tensor*, void*, std::size_t, std::size_t) {};
    return ggml_backend_buffer_init(ggml_backend_cpu_buffer_type(), interface, nullptr, 0);
  };
  static ggml_backend_buffer_t buffer = make();
  return buffer;
}

}  // namespace

void skip_node(ggml_tensor* node, bool on_device) {
  node->op = GGML_OP_NONE;
  const bool logits = std::strcmp(node->name, "result_output") == 0;
  if (logits && node->buffer && (on_device || ggml_backend_buffer_is_host(node->buffer)))
    node->buffer = discarding_buffer();
}

void reserve_unbacked_logits(llama_context* context, int n_outputs, const PagesOnDemand&) {
  const auto n = static_cast<std::size_t>(n_outputs);
  std::vector<llama_token> tokens(n, 0);
  std::vector<llama_pos> positions(n);
  std::vector<std::int32_t> one_each(n, 1);
  llama_seq_id sequence = 0;
  std::vector<llama_seq_id*> sequences(n, &sequence);
  std::vector<std::int8_t> output(n, 1);
  for (std::size_t i = 0; i < n; ++i) positions[i] = static_cast<llama_pos>(i);
  llama_batch batch{};
  batch.n_tokens = n_outputs;
  batch.token = tokens.data();
  batch.pos = positions.data();
  batch.n_seq_id = one_each.data();
  batch.seq_id = sequences.data();
  batch.logits = output.data();
  llama_set_abort_callback(context, [](void*) { return true; }, nullptr);
  llama_decode(context, batch);
  llama_set_abort_callback(context, nullptr, nullptr);
  llama_memory_clear(llama_get_memory(context), true);
}

}  // namespace sinkscope
