#include "cli/text_sequences.h"

#include <memory>
#include <utility>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/scan_pipeline.h"
#include "cli/tokenizer.h"
#include "engine/llama/chat.h"
#include "engine/llama/model.h"

namespace sinkscope {

TokenSpool tokenize_input(const InputOptions& input, const ModelOptions& model, DocumentSource& documents, int room,
                          const OnSkip& on_skip) {
  ReadOptions read;
  read.max_tokens = longest_sequence(model) - room;
  read.corpus = input.is_corpus();
  read.should_stop = interrupted;
  LoadOptions load = load_options(model);
  load.vocab_only = true;
  const std::unique_ptr<Model> vocabulary = load_model(load);
  const auto tokenize = [&](const ChatMessages& messages) {
    return tokenize_chat(*vocabulary, messages.json, messages.awaits_reply, input.special);
  };
  const DocumentTokenizer tokenizer(*vocabulary, input.tokenize_options(), tokenize);
  return read_documents(documents, tokenizer, read, on_skip);
}

std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const ModelOptions& model) {
  const OnSkip refuse = [](const SkippedInput& skipped) { throw Error(ErrorCode::kInput, skipped.reason); };
  const auto documents = open_documents(input, refuse);
  check_model_readable(model.path);
  const TokenSpool spool = tokenize_input(input, model, *documents, 0, refuse);
  std::vector<std::vector<TokenId>> sequences;
  for (std::size_t i = 0; i < spool.size(); ++i) sequences.push_back(spool.read(i).tokens);
  return sequences;
}

}  // namespace sinkscope
