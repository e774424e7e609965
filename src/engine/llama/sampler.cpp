#include "engine/llama/sampler.h"

#include <string>

#include "base/error.h"

namespace sinkscope {

Sampler::Sampler(const SamplingOptions& options) : chain_(llama_sampler_chain_init({.no_perf = true})) {
  if (!(options.temperature >= 0) || !(options.top_p > 0 && options.top_p <= 1) || options.top_k < 0) {
    throw Error(ErrorCode::kUsage, "sampling: expected temperature >= 0, 0 < top-p <= 1 and top-k >= 0, got " +
                                       std::to_string(options.temperature) + ", " + std::to_string(options.top_p) +
                                       " and " + std::to_string(options.top_k));
  }
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); };
  if (options.temperature == 0) {
    add(llama_sampler_init_greedy());
    return;
  }
  if (options.top_k > 0) add(llama_sampler_init_top_k(options.top_k));
  if (options.top_p < 1) add(llama_sampler_init_top_p(options.top_p, 1));
  add(llama_sampler_init_temp(options.temperature));
  add(llama_sampler_init_dist(options.seed));
}

}  // namespace sinkscope
