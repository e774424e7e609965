#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sinkscope {

inline constexpr int kMinOrdinaryTokens =
    64;  // a sequence with fewer tokens, padding and repeats apart, has no norm ratios
inline constexpr float kOrdinaryQuartiles = 5;  // an ordinary norm is at most so many times the lower quartile

// What is ordinary among the norms of one layer.
struct OrdinaryNorms {
  float limit = 0;   // a token that may be ordinary is, if its norm is at most this
  float median = 0;  // over ordinary tokens
};

// The lower quartile is the value at index floor(n / 4) of the n sorted norms of tokens that may be ordinary.
//
// norms            [n_tokens], from position 0 on
// may_be_ordinary  [>= n_tokens]: TokenRoles
// scratch          overwritten
// returns          nothing if no token may be
// cost             O(n_tokens)
std::optional<OrdinaryNorms> ordinary_norms(std::span<const float> norms, std::span<const std::uint8_t> may_be_ordinary,
                                            std::vector<float>& scratch);

// The same of at most 1024 positions, evenly spaced: for decisions while a text streams by.
std::optional<OrdinaryNorms> sampled_ordinary_norms(std::span<const float> norms,
                                                    std::span<const std::uint8_t> may_be_ordinary,
                                                    std::vector<float>& scratch);

}  // namespace sinkscope
