// The forward pass of llama.cpp alone, as the full scan is compared with it: logits for the last token only,
// embeddings off, flash attention on.
//
//   llama_forward MODEL TEXT n_tokens n_ubatch n_threads native      then a line on standard input for each pass
#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "forward_loop.h"

namespace {

std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text) {
  std::vector<llama_token> tokens(text.size() + 1);
  const int n = llama_tokenize(vocab, text.data(), static_cast<int>(text.size()), tokens.data(),
                               static_cast<int>(tokens.size()), true, false);
  tokens.resize(static_cast<std::size_t>(std::max(n, 0)));
  return tokens;
}

int run(const sinkscope::bench::Arguments& arguments) {
  if (arguments.precision != "native") throw std::runtime_error("llama.cpp alone has no other precision than native");
  const int n_tokens = arguments.n_tokens, n_ubatch = arguments.n_ubatch;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  const std::unique_ptr<llama_model, decltype(&llama_model_free)> model(
      llama_model_load_from_file(arguments.model.c_str(), llama_model_default_params()), llama_model_free);
  if (!model) throw std::runtime_error(arguments.model + ": expected a model that llama.cpp can load");
  std::vector<llama_token> tokens =
      sinkscope::bench::repeat_to(tokenize(llama_model_get_vocab(model.get()), arguments.text), n_tokens);

  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(n_tokens);
  params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(n_ubatch);
  params.n_threads = params.n_threads_batch = arguments.n_threads;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  params.swa_full = true;
  params.no_perf = true;
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(llama_init_from_model(model.get(), params),
                                                                      llama_free);
  if (!context) throw std::runtime_error("expected a context of " + std::to_string(n_tokens) + " tokens");

  std::vector<std::int8_t> wants_logits(tokens.size() - 1, 0);
  wants_logits.push_back(1);
  return sinkscope::bench::answer_lines([&] {
    llama_memory_clear(llama_get_memory(context.get()), true);
    for (int first = 0; first < n_tokens; first += n_ubatch) {
      llama_batch batch = llama_batch_get_one(tokens.data() + first, std::min(n_ubatch, n_tokens - first));
      batch.logits = wants_logits.data() + first;
      if (llama_decode(context.get(), batch) != 0) throw std::runtime_error("llama_decode failed");
    }
    llama_synchronize(context.get());
  });
}

}  // namespace

int main(int n_arguments, char** arguments) {
  try {
    return run(sinkscope::bench::read_arguments(n_arguments, arguments));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama_forward: %s\n", error.what());
    return 1;
  }
}
