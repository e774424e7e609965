#include "engine/llama/special_tokens.h"

#include <llama.h>

#include <algorithm>
#include <optional>

namespace sinkscope {
namespace {

constexpr unsigned kControl = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN;
constexpr unsigned kStrips = LLAMA_TOKEN_ATTR_LSTRIP | LLAMA_TOKEN_ATTR_RSTRIP;

}  // namespace

SpecialTokens::SpecialTokens(const llama_vocab* vocab) {
  const std::int32_t n_tokens = llama_vocab_n_tokens(vocab);
  for (llama_token token = 0; token < n_tokens; ++token) {
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(vocab, token));
    if ((attributes & (kControl | LLAMA_TOKEN_ATTR_USER_DEFINED)) == 0) continue;
    const std::string_view text = llama_vocab_get_text(vocab, token);
    if (text.empty()) continue;
    const auto [at, is_new] = tokens_.try_emplace(text);
    Kind& kind = at->second;
    kind.token = token;
    kind.is_control = kind.is_control || (attributes & kControl) != 0;
    kind.is_plain = kind.is_plain && is_new && (attributes & kStrips) == 0;
    lengths_[static_cast<unsigned char>(text[0])].push_back(text.size());
  }
  for (std::vector<std::size_t>& lengths : lengths_) {
    std::ranges::sort(lengths);
    lengths.erase(std::ranges::unique(lengths).begin(), lengths.end());
  }
}

std::vector<TextPart> SpecialTokens::parts(std::string_view text, bool parse_special, std::size_t apart) const {
  std::vector<TextPart> parts;
  TextPart open;                  // the text since the last cut
  std::optional<TextPart> alone;  // a token that none has overlapped so far
  std::size_t reached = 0;        // the end of all tokens that began so far
  const auto close = [&](std::size_t end) {
    open.end = end;
    if (open.end > open.begin) parts.push_back(open);
    open = {.begin = end};
  };
  const auto cut = [&] {
    if (alone->token >= 0) {
      close(alone->begin);
      parts.push_back(*alone);
      open.begin = alone->end;
    } else if (alone->end >= open.begin + apart) {
      close(alone->end);
    }
    alone.reset();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (alone && at == alone->end) cut();
    std::optional<TextPart> here;
    bool cuttable = at >= reached;
    for (const std::size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
      if (length > text.size() - at) break;
      const auto found = tokens_.find(text.substr(at, length));
      if (found == tokens_.end() || (found->second.is_control && !parse_special)) continue;
      const Kind& kind = found->second;
      cuttable = cuttable && kind.is_plain && !here;
      const bool has_control = kind.is_control || (here && here->has_control);
      here = {at, at + length, kind.is_control ? kind.token : -1, has_control};
    }
    if (!here) continue;
    if (alone && alone->has_control) open.has_control = open.has_control || at < reached;
    if (at < reached) alone.reset();
    reached = std::max(reached, here->end);
    if (cuttable) {
      alone = here;
    } else {
      open.has_control = open.has_control || here->has_control;
    }
  }
  if (alone) cut();
  close(text.size());
  return parts;
}

}  // namespace sinkscope
