#pragma once

#include <ggml.h>
#include <llama.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/llama/llama_library.h"
#include "probe/deployment.h"

namespace sinkscope {

// ggml's type of a name of cache_type_names().
//
// throws  Error{kUsage} naming them
ggml_type cache_type_of(const std::string& name);

// The parameters of a context that runs a model as it is deployed: caches and RoPE. All others are llama.cpp's
// defaults.
//
// throws  Error{kUsage} for a cache type or a scaling that there is not
llama_context_params deployed_context_params(const Deployment& deployment);

// LoRA adapters of a model, which every context of it is to have.
class LoadedAdapters {
 public:
  // model  must outlive this
  // throws  Error{kUsage} naming the file that cannot be read, or is no adapter of this model
  LoadedAdapters(llama_model* model, const std::vector<LoraAdapter>& adapters);

  // throws  Error{kModel} with llama.cpp's reason
  void give_to(llama_context* context) const;

 private:
  struct Free {
    void operator()(llama_adapter_lora* adapter) const { llama_adapter_lora_free(adapter); }
  };
  std::vector<std::unique_ptr<llama_adapter_lora, Free>> adapters_;
  std::vector<float> scales_;
};

}  // namespace sinkscope
