#include "engine/unused_logits.h"

#include <ggml-backend-impl.h>
#include <llama.h>
#include <sys/mman.h>

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

// As long as one lives, buffers of ggml's CPU are pages that the system lends on first writing, and clearing them to 0
// gives the pages back.
class PagesOnDemand {
 public:
  PagesOnDemand() {
    ordinary();
    type()->iface.alloc_buffer = allocate;
  }
  ~PagesOnDemand() { type()->iface.alloc_buffer = ordinary(); }
  PagesOnDemand(const PagesOnDemand&) = delete;
  PagesOnDemand& operator=(const PagesOnDemand&) = delete;

 private:
  using Allocate = decltype(ggml_backend_buffer_type_i::alloc_buffer);

  static ggml_backend_buffer_type_t type() { return ggml_backend_cpu_buffer_type(); }
  static Allocate ordinary() {
    static const Allocate function = type()->iface.alloc_buffer;  // first called before any is replaced
    return function;
  }

  static ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, std::size_t n_bytes) {
    void* pages =
        n_bytes == 0 ? MAP_FAILED : mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return ordinary()(type, n_bytes);
    const ggml_backend_buffer_t model = ggml_backend_cpu_buffer_from_ptr(pages, n_bytes);
    ggml_backend_buffer_i interface = model->iface;
    ggml_backend_buffer_free(model);
    interface.free_buffer = [](ggml_backend_buffer_t buffer) { munmap(buffer->context, buffer->size); };
    interface.clear = [](ggml_backend_buffer_t buffer, std::uint8_t value) {
#ifdef __linux__  // elsewhere the advice does not promise zeros
      if (value == 0 && madvise(buffer->context, buffer->size, MADV_DONTNEED) == 0) return;
#endif
      std::memset(buffer->context, value, buffer->size);
    };
    return ggml_backend_buffer_init(type, interface, pages, n_bytes);
  }
};

}  // namespace

void skip_node(ggml_tensor* node) {
  node->op = GGML_OP_NONE;
  const bool logits = std::strcmp(node->name, "result_output") == 0;
  if (logits && node->buffer && ggml_backend_buffer_is_host(node->buffer)) node->buffer = discarding_buffer();
}

void reserve_unbacked_logits(llama_context* context, int n_outputs) {
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
  {
    const PagesOnDemand scope;
    llama_decode(context, batch);
  }
  llama_set_abort_callback(context, nullptr, nullptr);
  llama_memory_clear(llama_get_memory(context), true);
}

}  // namespace sinkscope
