#pragma once

#include <llama.h>

#include <memory>

#include "probe/model.h"

namespace sinkscope {

// llama.cpp's chain of samplers: the likeliest top_k, of these the likeliest that hold top_p, by temperature, drawn.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  // The token that follows the last one that the context computed logits for.
  TokenId draw(llama_context* context) { return llama_sampler_sample(chain_.get(), context, -1); }

 private:
  struct Free {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };
  std::unique_ptr<llama_sampler, Free> chain_;
};

}  // namespace sinkscope
