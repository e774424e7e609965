#include "cli/input_sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/whole_file.h"
#include "cli/interrupt.h"
#include "engine/llama/chat_renderer.h"
#include "scan/read_documents.h"

namespace sinkscope {

namespace {

// The Jinja source by which chats are rendered: the model's own, unless a file is given.
std::string chat_template(const InputOptions& input, const Vocabulary& vocabulary) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  if (input.chat_template.empty()) return vocabulary.chat_template();
  FileBytes read = read_whole_file(input.chat_template, kMaxBytes);
  if (read.problem.empty() && read.bytes.empty()) read.problem = "nothing in it";
  if (!read.problem.empty()) {
    throw Error(ErrorCode::kInput, fmt::format("--chat-template '{}': expected a Jinja template, got {}",
                                               input.chat_template, read.problem));
  }
  return std::move(read.bytes);
}

}  // namespace

TokenizedInput tokenize_input(const InputOptions& input, const Vocabulary& vocabulary, int max_tokens,
                              DocumentSource& documents, const OnSkip& on_skip) {
  ReadOptions read;
  read.max_tokens = max_tokens;
  read.corpus = input.is_corpus();
  read.should_stop = interrupted;
  ChatTokenizer tokenize_chat(vocabulary, input.chat ? chat_template(input, vocabulary) : "", input.special,
                              interrupted);
  const auto tokenize = [&](const ChatMessages& messages) {
    return tokenize_chat(messages.json, messages.awaits_reply);
  };
  TokenizeOptions options = input.tokenize_options();
  options.max_tokens = max_tokens;
  const DocumentTokenizer tokenizer(vocabulary, options, tokenize);
  TokenSpool sequences = read_documents(documents, tokenizer, read, on_skip);
  std::vector<std::string> notes = tokenize_chat.notes();
  std::ranges::move(tokenizer.notes(), std::back_inserter(notes));
  return {std::move(sequences), std::move(notes)};
}

std::vector<std::vector<TokenId>> read_sequences(const InputOptions& input, const Vocabulary& vocabulary,
                                                 int max_tokens) {
  const OnSkip refuse = [](const SkippedInput& skipped) { throw Error(ErrorCode::kInput, skipped.reason); };
  const auto documents = open_documents(input, refuse);
  const TokenSpool spool = tokenize_input(input, vocabulary, max_tokens, *documents, refuse).sequences;
  std::vector<std::vector<TokenId>> sequences;
  for (std::size_t i = 0; i < spool.size(); ++i) sequences.push_back(spool.read(i).tokens);
  return sequences;
}

}  // namespace sinkscope
