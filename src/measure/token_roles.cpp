#include "measure/token_roles.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/index.h"

namespace sinkscope {
namespace {

std::vector<std::uint8_t> find_padding(std::span<const TokenId> tokens, const VocabularyFacts& vocabulary) {
  std::vector<std::uint8_t> is_padding(tokens.size());
  const auto is_pad = [&](std::size_t t) { return vocabulary.pad >= 0 && tokens[t] == vocabulary.pad; };
  std::size_t first = 0, end = tokens.size();
  while (first < end && is_pad(first)) ++first;
  while (end > first && is_pad(end - 1)) --end;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const bool beside = (t > 0 && is_pad(t - 1)) || (t + 1 < tokens.size() && is_pad(t + 1));
    is_padding[t] = is_pad(t) && (t < first || t >= end || beside);
  }
  if (vocabulary.pad == vocabulary.bos && first > 0 && first < tokens.size()) is_padding[first - 1] = 0;
  return is_padding;
}

// Goes through tokens in their order and knows which are repeats.
class RepeatCounter {
 public:
  explicit RepeatCounter(std::span<const TokenId> tokens) : tokens_(tokens) {}

  // returns  of the stretch in which it is a repeat (of several, the shortest period's) the end of the tokens that may be
  //          candidates; nothing if it is none
  std::optional<std::size_t> candidates_end(std::size_t t) {
    std::optional<std::size_t> end;
    for (std::size_t p = 1; p <= streaks_.size(); ++p) {
      int& streak = streaks_[p - 1];
      streak = t >= p && tokens_[t] >= 0 && tokens_[t] == tokens_[t - p] ? streak + 1 : 0;
      if (!end && streak >= kLikeBefore * static_cast<int>(p)) end = t + 1 - index(streak) - p + std::min(p, kMostOfTurn);
    }
    return end;
  }

 private:
  std::span<const TokenId> tokens_;
  std::array<int, kMostPeriod> streaks_{};  // by period: tokens up to the last one that are as the one a period before
};

// Chooses candidates, in the order of their claims.
class CandidateChoice {
 public:
  explicit CandidateChoice(std::size_t n_tokens) : most_(std::min(index(kPrimaryCandidates), n_tokens)) {}

  bool is_full() const { return chosen_.size() == most_; }
  void add(std::size_t position) {
    const int p = static_cast<int>(position);
    if (!is_full() && std::ranges::count(chosen_, p) == 0) chosen_.push_back(p);
  }
  std::vector<int> take() {
    std::ranges::sort(chosen_);
    return std::move(chosen_);
  }

 private:
  std::size_t most_;
  std::vector<int> chosen_;
};

}  // namespace

TokenRoles::TokenRoles(std::span<const TokenId> tokens, const VocabularyFacts& vocabulary, int n_kept_positions)
    : is_padding(find_padding(tokens, vocabulary)), may_be_ordinary(tokens.size()), n_counted(tokens.size()) {
  int counted = 0;
  RepeatCounter repeats(tokens);
  std::vector<std::size_t> starts, bos;  // of stretches of equal tokens, or of turns; no padding
  int n_seen = 0;                        // no padding
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const bool continues = t > 0 && tokens[t] >= 0 && tokens[t] == tokens[t - 1];
    const std::optional<std::size_t> candidates_end = repeats.candidates_end(t);
    if (!is_padding[t]) {
      if (!continues || is_padding[t - 1]) starts.push_back(t);
      // That a stretch has turns shows after kLikeBefore of them.
      while (candidates_end && !starts.empty() && starts.back() >= *candidates_end) starts.pop_back();
      if (tokens[t] >= 0 && tokens[t] == vocabulary.bos && n_seen < kPrefixTokens) bos.push_back(t);
      ++n_seen;
      if (!candidates_end) {
        ++counted;
        may_be_ordinary[t] = counted > kPrimaryCandidates;
      }
    }
    n_counted[t] = counted;
  }

  CandidateChoice choice(tokens.size());
  const bool begins_with_bos = !bos.empty() && bos.front() == starts.front();
  constexpr std::size_t kMostBos = 2;
  for (std::size_t t = 0; t < std::min(index(n_kept_positions), tokens.size()); ++t) choice.add(t);
  if (!tokens.empty()) choice.add(0);
  for (std::size_t i = 0; !begins_with_bos && i < std::min(kMostBos, bos.size()); ++i) choice.add(bos[i]);
  for (std::size_t i = 0; i < starts.size() && !choice.is_full(); ++i) choice.add(starts[i]);
  for (const bool padding : {false, true}) {
    for (std::size_t t = 0; t < tokens.size() && !choice.is_full(); ++t) {
      if (static_cast<bool>(is_padding[t]) == padding) choice.add(t);
    }
  }
  candidates = choice.take();
}

}  // namespace sinkscope
