#pragma once

#include <llama.h>

#include <memory>
#include <string>

namespace sinkscope {

// What llama.cpp needs once in a process: its log taken over, its backends in place. Any number of threads may call it.
//
// throws  Error{kModel} if this is a portable build, and the processor is older than x86-64-v3
void start_llama();

// The first line that llama.cpp logged as an error on this thread since the last call; empty without one.
std::string take_llama_error();

// As long as one lives, what llama.cpp logs on this thread also goes to standard error, if so asked.
class LlamaLogScope {
 public:
  explicit LlamaLogScope(bool verbose);
  ~LlamaLogScope();
  LlamaLogScope(const LlamaLogScope&) = delete;
  LlamaLogScope& operator=(const LlamaLogScope&) = delete;

 private:
  bool before_;
};

struct LlamaModelFree {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct LlamaContextFree {
  void operator()(llama_context* context) const { llama_free(context); }
};
using LlamaModelPtr = std::unique_ptr<llama_model, LlamaModelFree>;
using LlamaContextPtr = std::unique_ptr<llama_context, LlamaContextFree>;

}  // namespace sinkscope
