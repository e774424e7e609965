#include "engine/llama/model_description.h"

#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "gguf/model_notes.h"

namespace sinkscope {
namespace {

// "llama 135M Q4_1". llama.cpp's own description guesses the size from the number of layers.
std::string type_of(const llama_model* model, const std::string& arch) {
  const auto n = static_cast<double>(llama_model_n_params(model));
  const bool thousands = n < 1e6, millions = n < 1e9;
  char size[32];
  std::snprintf(size, sizeof size, thousands || millions ? "%.0f%c" : "%.1f%c",
                n / (thousands  ? 1e3
                     : millions ? 1e6
                                : 1e9),
                thousands  ? 'K'
                : millions ? 'M'
                           : 'B');
  const int ftype = llama_model_ftype(model) & ~LLAMA_FTYPE_GUESSED;
  return arch + " " + size + " " + llama_ftype_name(static_cast<llama_ftype>(ftype));
}

// Where the file names no BOS, llama.cpp takes a token by the kind of vocabulary, which may be any word.
TokenId bos_of(const llama_model* model, const llama_vocab* vocab) {
  const TokenId bos = llama_vocab_bos(vocab);
  const std::string named = metadata_of(model, "tokenizer.ggml.bos_token_id");
  if (bos < 0 || named == std::to_string(bos) || llama_vocab_is_control(vocab, bos)) return bos;
  return -1;
}

}  // namespace

std::string metadata_of(const llama_model* model, const std::string& key) {
  char small[256];
  const int length = llama_model_meta_val_str(model, key.c_str(), small, sizeof small);
  if (length < 0) return {};
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  llama_model_meta_val_str(model, key.c_str(), text.data(), text.size());
  text.pop_back();
  return text;
}

VocabularyFacts vocabulary_facts_of(const llama_model* model, const std::string& path) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  VocabularyFacts facts;
  facts.name = metadata_of(model, "general.name");
  if (facts.name.empty()) facts.name = std::filesystem::path(path).filename().string();
  facts.n_vocab = llama_vocab_n_tokens(vocab);
  facts.bos = bos_of(model, vocab);
  facts.adds_bos = facts.bos >= 0 && llama_vocab_get_add_bos(vocab);
  facts.eos = llama_vocab_eos(vocab);
  facts.pad = llama_vocab_pad(vocab);
  facts.has_chat_template = llama_model_chat_template(model, nullptr) != nullptr;
  return facts;
}

ModelFacts facts_of(const llama_model* model, const VocabularyFacts& vocabulary, const std::string& path) {
  ModelFacts facts;
  static_cast<VocabularyFacts&>(facts) = vocabulary;
  facts.path = path;
  facts.arch = metadata_of(model, "general.architecture");
  facts.type = type_of(model, facts.arch);
  facts.n_layers = llama_model_n_layer(model);
  facts.d_model = llama_model_n_embd(model);
  // llama.cpp has it without a sign, and hands it out with one.
  constexpr std::uint32_t kMostTrained = kMostTrainedTokens;
  facts.n_ctx_train =
      static_cast<int>(std::min(static_cast<std::uint32_t>(llama_model_n_ctx_train(model)), kMostTrained));
  return facts;
}

void check_token(TokenId token, int n_vocab) {
  if (token >= 0 && token < n_vocab) return;
  throw Error(ErrorCode::kInput, "token id " + std::to_string(token) + ": expected 0 to " +
                                     std::to_string(n_vocab - 1) + ", the vocabulary of this model");
}

}  // namespace sinkscope
