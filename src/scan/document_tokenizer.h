#pragma once

#include <cstddef>
#include <cstdint>
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
  bool special = false;                           // control tokens in a text are parsed
  bool cut_padding = true;                        // at a document's end, where nothing follows that it could matter to
  int chunk = 0;                                  // tokens of the document in each sequence; 0: whole documents
  int max_tokens = 0;                             // of a whole document, where that is known; 0: any
  std::size_t max_bytes = std::size_t{16} << 20;  // of a text; tokenising takes some 70 times as much memory
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

  // throws  Error{kInput} if a token id is out of range, nothing comes out, or a text has more than max_bytes, or more
  //         bytes than max_tokens can hold
  std::vector<Sequence> operator()(const Document& document) const;

  // What is to be said of the documents so far, for a scan's record: one sentence, or none.
  std::vector<std::string> notes() const;

 private:
  std::vector<TokenId> tokenize(const std::string& text, const InputPlace& place) const;
  void refuse_long(std::size_t bytes, const InputPlace& place) const;
  // tokens  loses its padding at the end, but for the first `n_kept` and one that ends the text
  void cut_padding(std::vector<TokenId>& tokens, std::size_t n_kept) const;

  const Vocabulary& vocabulary_;
  TokenizeOptions options_;
  TokenizeChat tokenize_chat_;
  mutable std::size_t longest_token_bytes_ = 0;  // 0: not asked for yet
  mutable std::int64_t n_cut_ = 0, n_cut_documents_ = 0;  // padding tokens, and documents that had some
};

// "'a.txt'", "line 3 of 'b.jsonl'", "standard input", "the text": for messages.
std::string describe(const InputPlace& place);

}  // namespace sinkscope
