#include "cli/input_sequences.h"

#include "base/error.h"
#include "cli/interrupt.h"
#include "engine/llama/chat.h"
#include "scan/read_documents.h"

namespace sinkscope {

TokenSpool tokenize_input(const InputOptions& input, const Vocabulary& vocabulary, int max_tokens,
                          DocumentSource& documents, const OnSkip& on_skip) {
  ReadOptions read;
  read.max_tokens = max_tokens;
  read.corpus = input.is_corpus();
  read.should_stop = interrupted;
  const auto tokenize = [&](const ChatMessages& messages) {
    return tokenize_chat(vocabulary, messages.json, messages.awaits_reply, input.special);
  };
  TokenizeOptions options = input.tokenize_options();
  options.max_tokens = max_tokens;
  return read_documents(documents, DocumentTokenizer(vocabulary, options, tokenize), read, on_skip);
}

std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const Vocabulary& vocabulary,
                                                 int max_tokens) {
  const OnSkip refuse = [](const SkippedInput& skipped) { throw Error(ErrorCode::kInput, skipped.reason); };
  const auto documents = open_documents(input, refuse);
  const TokenSpool spool = tokenize_input(input, vocabulary, max_tokens, *documents, refuse);
  std::vector<std::vector<TokenId>> sequences;
  for (std::size_t i = 0; i < spool.size(); ++i) sequences.push_back(spool.read(i).tokens);
  return sequences;
}

}  // namespace sinkscope
