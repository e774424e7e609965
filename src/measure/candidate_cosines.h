#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <span>

#include "base/ids.h"
#include "base/views.h"

namespace sinkscope {

// 0 where a vector has no length.
float clamped_cosine(float dot, float norm_a, float norm_b);

// How a candidate's own direction moves through the layers.
//
// states   [n_layers, 8, d_model] of candidates
// norms    [n_layers] of this one's
// returns  [n_layers, n_layers] cosines of its states in two layers
Matrix<float> self_cosines(const Cube<float>& states, std::size_t candidate, std::span<const float> norms);

// Signed cosines of a sequence's states with its candidates: layer by candidate by token. Candidates may be given up on
// the way, and their cosines with them.
//
// memory  n_layers x candidates that are left x n_tokens floats
class CandidateCosines {
 public:
  CandidateCosines() = default;
  CandidateCosines(std::size_t n_layers, std::size_t n_candidates);

  bool holds(std::size_t candidate) const { return slot_[candidate] != kGivenUp; }
  // NaN for a candidate that was given up.
  float operator()(std::size_t layer, std::size_t candidate, std::size_t token) const {
    return holds(candidate) ? values_(layer, slot_[candidate], token) : std::numeric_limits<float>::quiet_NaN();
  }
  // candidate  not given up
  float& at(std::size_t layer, std::size_t candidate, std::size_t token) {
    return values_(layer, slot_[candidate], token);
  }

  // Room for n_tokens: what was there stays, as far as it fits, and what is new is 0.
  void resize(std::size_t n_tokens);
  // Gives the other candidates up.
  void keep_only(std::span<const std::size_t> candidates, std::size_t n_tokens);

 private:
  static constexpr std::size_t kGivenUp = kPrimaryCandidates;

  void move_rows(std::span<const std::size_t> slots, std::size_t n_tokens);

  Cube<float> values_;  // [n_layers, slots, n_tokens]
  std::array<std::size_t, kPrimaryCandidates> slot_{};
};

}  // namespace sinkscope
