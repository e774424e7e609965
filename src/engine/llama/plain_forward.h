#pragma once

#include <memory>
#include <vector>

#include "probe/model.h"

struct llama_context;
struct llama_model;

namespace sinkscope {

// The weights that a model of load_model runs on; its own.
//
// throws  Error{kInternal} of another model
llama_model* weights_of(Model& model);

// llama.cpp's own forward pass on loaded weights, which a scan is compared with: nobody looks on, logits for the last
// token only, flash attention on.
class PlainForward {
 public:
  // model  of load_model; must outlive this
  // throws  Error{kModel} if llama.cpp makes no context
  PlainForward(Model& model, std::vector<TokenId> tokens);
  // throws  Error{kModel} if llama.cpp fails
  void pass();

 private:
  int n_ubatch_;
  std::vector<TokenId> tokens_;
  std::unique_ptr<llama_context, void (*)(llama_context*)> context_;
};

}  // namespace sinkscope
