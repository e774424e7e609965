#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "probe/vocabulary.h"

namespace sinkscope {

// So many tokens, padding apart, are looked through for a BOS that does not stand first.
inline constexpr int kPrefixTokens = 512;
// A token after so many of its like is a repeat; so is one of a few tokens in turns, after so many turns.
inline constexpr int kLikeBefore = 8;
inline constexpr int kMostPeriod = 8;  // so many tokens in turns, at most
inline constexpr std::size_t kMostOfTurn = 4;  // the most tokens of a stretch of turns that are candidates

// What a sequence's tokens may be, as far as ids tell: decided before it runs, from nothing else.
//
//   padding    the vocabulary's padding token at the start of the sequence, at its end, or beside another. If it is BOS
//              as well, the last one at the start is BOS
//   repeat     a token after kLikeBefore of its like, or of the like of p tokens in turns, p up to kMostPeriod: their
//              states may be one and the same
//   ordinary   neither, and not among the first kPrimaryCandidates that are neither
struct TokenRoles {
  // Positions among which the primary is sought, ascending; min(kPrimaryCandidates, n_tokens) of them. The first of the
  // sequence, of stretches of equal tokens the first, of stretches of tokens in turns the first turn's, kMostOfTurn at most, and BOS tokens of the prefix where the text does not begin with
  // one. Padding only where there is not enough else.
  std::vector<int> candidates;
  std::vector<std::uint8_t> is_padding;       // [n_tokens]
  std::vector<std::uint8_t> may_be_ordinary;  // [n_tokens] if its norm is
  std::vector<int> n_counted;                 // [n_tokens] tokens up to this one that are neither padding nor repeats

  TokenRoles() = default;
  // tokens            negative ids: not known yet, and like no other
  // n_kept_positions  positions below it are candidates, whatever their tokens
  TokenRoles(std::span<const TokenId> tokens, const VocabularyFacts& vocabulary, int n_kept_positions);
};

}  // namespace sinkscope
