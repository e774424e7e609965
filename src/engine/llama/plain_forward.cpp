#include "engine/llama/plain_forward.h"

#include <llama.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/llama/deployed_context.h"
#include "engine/llama/loading.h"

namespace sinkscope {

PlainForward::PlainForward(Model& model, std::vector<TokenId> tokens)
    : n_ubatch_(model.n_ubatch()), tokens_(std::move(tokens)), context_(nullptr, llama_free) {
  llama_context_params params = deployed_context_params(model.deployment());
  params.n_ctx = static_cast<std::uint32_t>(tokens_.size());
  params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(n_ubatch_);
  params.n_threads = params.n_threads_batch = model.n_threads();
  take_llama_error();
  context_.reset(llama_init_from_model(weights_of(model), params));
  if (!context_) throw Error(ErrorCode::kModel, "expected a context, got: " + llama_reason("none"));
}

void PlainForward::pass() {
  llama_memory_clear(llama_get_memory(context_.get()), true);
  const int n_tokens = static_cast<int>(tokens_.size());
  std::vector<std::int8_t> wants_logits(tokens_.size() - 1, 0);
  wants_logits.push_back(1);
  for (int first = 0; first < n_tokens; first += n_ubatch_) {
    llama_batch batch = llama_batch_get_one(tokens_.data() + first, std::min(n_ubatch_, n_tokens - first));
    batch.logits = wants_logits.data() + first;
    if (llama_decode(context_.get(), batch) != 0) {
      throw Error(ErrorCode::kModel, "expected to run tokens, got: " + llama_reason("a failure"));
    }
  }
  llama_synchronize(context_.get());
}

}  // namespace sinkscope
