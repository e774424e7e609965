#include "engine/memory/pages_on_demand.h"

#include <ggml-backend-impl.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <mutex>

namespace sinkscope {
namespace {

using Allocate = decltype(ggml_backend_buffer_type_i::alloc_buffer);

Allocate ordinary = nullptr;       // ggml's own; written once
thread_local int n_on_thread = 0;  // PagesOnDemand that live on this thread

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, std::size_t n_bytes) {
  if (n_on_thread == 0) return ordinary(type, n_bytes);
  void* pages =
      n_bytes == 0 ? MAP_FAILED : mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return ordinary(type, n_bytes);
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

}  // namespace

// ggml has one function for all threads: it is replaced once, and asks for whom it works.
PagesOnDemand::PagesOnDemand() {
  static std::once_flag once;
  std::call_once(once, [] {
    ordinary = ggml_backend_cpu_buffer_type()->iface.alloc_buffer;
    ggml_backend_cpu_buffer_type()->iface.alloc_buffer = allocate;
  });
  ++n_on_thread;
}

PagesOnDemand::~PagesOnDemand() { --n_on_thread; }

}  // namespace sinkscope
