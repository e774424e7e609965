#pragma once

#include <ggml.h>

#include <cstddef>
#include <memory>

namespace sinkscope::testing_support {

struct ContextFree {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
using ContextPtr = std::unique_ptr<ggml_context, ContextFree>;

// Tensors with memory of their own.
inline ContextPtr tensors_with_memory(std::size_t n_bytes) {
  return ContextPtr(ggml_init({n_bytes + (1 << 20), nullptr, false}));
}

}  // namespace sinkscope::testing_support
