#pragma once

#include <llama.h>

#include <memory>
#include <string>

namespace sinkscope {

// What llama.cpp needs once in a process: its log taken over, its backends and abort handler in place.
void start_llama();

// The last line that llama.cpp logged as an error since the last call; empty without one.
std::string take_llama_error();

void set_llama_verbose(bool verbose);

struct LlamaModelFree {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct LlamaContextFree {
  void operator()(llama_context* context) const { llama_free(context); }
};
using LlamaModelPtr = std::unique_ptr<llama_model, LlamaModelFree>;
using LlamaContextPtr = std::unique_ptr<llama_context, LlamaContextFree>;

}  // namespace sinkscope
