#include "scan/document_tokenizer.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace sinkscope {

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
    if (!prompt->empty()) tokens = vocabulary_.tokenize(*prompt, options_.special);
  } else {
    tokens = take_as_they_are(std::get<std::vector<TokenId>>(document.prompt));
  }
  const int prompt_tokens = static_cast<int>(tokens.size());

  std::vector<TokenId> body;
  if (const auto* text = std::get_if<std::string>(&document.body)) {
    body = vocabulary_.tokenize(*text, options_.special);
  } else if (const auto* messages = std::get_if<ChatMessages>(&document.body)) {
    body = tokenize_chat_(*messages);
  } else {
    body = take_as_they_are(std::get<std::vector<TokenId>>(document.body));
  }
  tokens.insert(tokens.end(), body.begin(), body.end());
  if (tokens.empty()) throw Error(ErrorCode::kInput, fmt::format("{} has no tokens", describe(document.place)));
  return sequences_of(document.place, tokens, prompt_tokens, add_bos ? facts.bos : -1, options_.chunk);
}

}  // namespace sinkscope
