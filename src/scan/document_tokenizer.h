#pragma once

#include <functional>
#include <string>
#include <vector>

#include "probe/vocabulary.h"
#include "text/chunks.h"
#include "text/document.h"

namespace sinkscope {

// Whether a sequence begins with BOS. There are never two.
enum class BosMode {
  kAuto,  // as the model's own settings say; token ids are taken as they are
  kOn,
  kOff,
};

struct TokenizeOptions {
  BosMode bos = BosMode::kAuto;
  bool special = false;  // control tokens in a text are parsed
  int chunk = 0;         // tokens of the document in each sequence; 0: whole documents
};

// The tokens of chat messages, rendered by the model's own template.
using TokenizeChat = std::function<std::vector<TokenId>(const ChatMessages& messages)>;

// Turns documents into the sequences that a model runs.
//
// prompt  tokenised by itself, so that the border between prompt and text falls between two tokens
class DocumentTokenizer {
 public:
  // vocabulary  must outlive this
  // throws      Error{kUsage} if BOS is asked for and the vocabulary has none
  DocumentTokenizer(const Vocabulary& vocabulary, const TokenizeOptions& options, TokenizeChat tokenize_chat);

  // throws  Error{kInput} if a token id is out of range, or nothing comes out
  std::vector<Sequence> operator()(const Document& document) const;

 private:
  const Vocabulary& vocabulary_;
  TokenizeOptions options_;
  TokenizeChat tokenize_chat_;
};

// "'a.txt'", "line 3 of 'b.jsonl'", "standard input", "the text": for messages.
std::string describe(const InputPlace& place);

}  // namespace sinkscope
