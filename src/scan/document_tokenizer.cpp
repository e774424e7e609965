#include "scan/document_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/index.h"

namespace sinkscope {
namespace {

std::size_t longest_token_bytes(const Vocabulary& vocabulary) {
  std::size_t longest = 1;
  for (TokenId token = 0; token < vocabulary.facts().n_vocab; ++token) {
    longest = std::max(longest, vocabulary.token_bytes(token).size());
  }
  return longest;
}

}  // namespace

std::string describe(const InputPlace& place) {
  const std::string file = place.file.empty()  ? "the text"
                           : place.file == "-" ? "standard input"
                                               : "'" + place.file + "'";
  return place.line > 0 ? fmt::format("line {} of {}", place.line, file) : file;
}

DocumentTokenizer::DocumentTokenizer(const Vocabulary& vocabulary, const TokenizeOptions& options,
                                     TokenizeChat tokenize_chat)
    : vocabulary_(vocabulary), options_(options), tokenize_chat_(std::move(tokenize_chat)) {
  if (options_.bos == BosMode::kOn && vocabulary_.facts().bos < 0) {
    throw Error(ErrorCode::kUsage, "--bos on: this model's vocabulary has no BOS token; leave --bos at auto");
  }
}

void DocumentTokenizer::refuse_long(std::size_t bytes, const InputPlace& place) const {
  if (bytes <= options_.max_bytes) return;
  throw Error(
      ErrorCode::kInput,
      fmt::format("{} has {} bytes; expected a text of {} at most, since tokenising takes many times its size in "
                  "memory; cut it into several files, or lines of JSONL",
                  describe(place), bytes, options_.max_bytes));
}

std::vector<TokenId> DocumentTokenizer::tokenize(const std::string& text, const InputPlace& place) const {
  refuse_long(text.size(), place);
  // Most texts are short: only for others is every token of the vocabulary looked at.
  constexpr std::size_t kUsualBytes = 8;
  const auto max_tokens = static_cast<std::size_t>(options_.max_tokens);
  if (max_tokens > 0 && options_.chunk == 0 && text.size() / kUsualBytes > max_tokens) {
    if (longest_token_bytes_ == 0) longest_token_bytes_ = longest_token_bytes(vocabulary_);
    if (text.size() / longest_token_bytes_ > max_tokens) {
      throw Error(ErrorCode::kInput,
                  fmt::format("{} has {} bytes, of which {} tokens hold {} at most: give a larger -c, or --chunk {} to "
                              "scan it in pieces",
                              describe(place), text.size(), max_tokens, max_tokens * longest_token_bytes_,
                              std::max<std::size_t>(1, max_tokens - 1)));
    }
  }
  return vocabulary_.tokenize(text, options_.special);
}

void DocumentTokenizer::cut_padding(std::vector<TokenId>& tokens, std::size_t n_kept) const {
  const TokenId pad = vocabulary_.facts().pad;
  if (!options_.cut_padding || pad < 0) return;
  std::size_t end = tokens.size();
  while (end > n_kept && tokens[end - 1] == pad) --end;
  if (end < tokens.size() && vocabulary_.ends_text(pad)) ++end;
  if (end == tokens.size() || end == 0) return;
  n_cut_ += static_cast<std::int64_t>(tokens.size() - end);
  n_cut_documents_ += 1;
  tokens.resize(end);
}

std::vector<std::string> DocumentTokenizer::notes() const {
  if (n_cut_ == 0) return {};
  return {fmt::format("padding at the end of {} text{} is not measured: {} token{}", n_cut_documents_,
                      n_cut_documents_ == 1 ? "" : "s", n_cut_, n_cut_ == 1 ? "" : "s")};
}

std::vector<Sequence> DocumentTokenizer::operator()(const Document& document) const {
  const VocabularyFacts& facts = vocabulary_.facts();
  bool add_bos = options_.bos == BosMode::kOn || (options_.bos == BosMode::kAuto && facts.adds_bos);
  const auto take_as_they_are = [&](const std::vector<TokenId>& ids) {
    if (options_.bos == BosMode::kAuto) add_bos = false;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] >= 0 && ids[i] < facts.n_vocab) continue;
      throw Error(ErrorCode::kInput, fmt::format("{}: token id {} at index {} is out of range: expected 0 to {}",
                                                 describe(document.place), ids[i], i, facts.n_vocab - 1));
    }
    return ids;
  };
  std::vector<TokenId> tokens;
  if (const auto* prompt = std::get_if<std::string>(&document.prompt)) {
    if (!prompt->empty()) tokens = tokenize(*prompt, document.place);
  } else {
    tokens = take_as_they_are(std::get<std::vector<TokenId>>(document.prompt));
  }
  const int prompt_tokens = static_cast<int>(tokens.size());

  std::vector<TokenId> body;
  if (const auto* text = std::get_if<std::string>(&document.body)) {
    body = tokenize(*text, document.place);
  } else if (const auto* messages = std::get_if<ChatMessages>(&document.body)) {
    refuse_long(messages->json.size(), document.place);
    body = tokenize_chat_(*messages);
  } else {
    body = take_as_they_are(std::get<std::vector<TokenId>>(document.body));
  }
  tokens.insert(tokens.end(), body.begin(), body.end());
  if (tokens.empty()) throw Error(ErrorCode::kInput, fmt::format("{} has no tokens", describe(document.place)));
  cut_padding(tokens, index(prompt_tokens));
  return sequences_of(document.place, tokens, prompt_tokens, add_bos ? facts.bos : -1, options_.chunk);
}

}  // namespace sinkscope
