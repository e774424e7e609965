#pragma once

#include <numeric>

#include "sinks/figures.h"

namespace sinkscope {

// Twelve layers. Position 0 is a primary in layers [2, 9], in one direction; nothing else shows anything.
inline constexpr int kLayers = 12;

inline void set(LayerFigures& figures, int first, int last, float value) {
  for (int l = first; l <= last; ++l) figures[static_cast<std::size_t>(l)] = value;
}

inline TokenProfile ordinary_token(int position) {
  TokenProfile token = empty_profile(position, kLayers);
  const int last = kLayers - 1;
  set(token.hidden_norm, 0, last, 10);
  set(token.norm_ratio, 0, last, 1);
  for (auto* cosines : {&token.alignment, &token.centred_alignment, &token.read_alignment})
    set(*cosines, 0, last, 0.1F);
  for (auto* scores : {&token.score, &token.far_score}) set(*scores, 0, last, 0.001F);
  set(token.far_attention, 0, last, 0.5F);
  set(token.far_even, 0, last, 1);
  set(token.far_boost, 0, last, 1);
  set(token.heads_over_10, 0, last, 0);
  set(token.value_norm_ratio, 0, last, 1);
  return token;
}

// Makes a token look like the primary in layers [first, last], which the next blocks read.
inline void make_aligned(TokenProfile& token, int first, int last, float far_boost) {
  for (auto* cosines : {&token.alignment, &token.centred_alignment, &token.read_alignment}) {
    set(*cosines, first, last, 0.99F);
  }
  set(token.norm_ratio, first, last, 8);
  set(token.far_boost, first + 1, std::min(last + 1, kLayers - 1), far_boost);
}

inline SequenceFigures one_primary() {
  SequenceFigures figures;
  figures.n_layers = kLayers;
  figures.n_tokens = 1000;
  figures.candidate = 0;
  Matrix<float> holds(kLayers, kLayers, 0.1F);
  for (std::size_t a = 2; a <= 9; ++a) {
    for (std::size_t b = 2; b <= 9; ++b) holds(a, b) = 0.97F;
  }
  figures.candidates.resize(kPrimaryCandidates);
  std::iota(figures.candidates.begin(), figures.candidates.end(), 0);
  figures.self_cosine.assign(kPrimaryCandidates, holds);
  figures.far_attention.assign(kLayers, 400.0F);
  figures.learned_share.assign(kLayers, 0.0F);
  figures.far_even.assign(kLayers, 800.0F);
  for (int t = 0; t < kPrimaryCandidates; ++t) figures.first_positions.push_back(ordinary_token(t));
  make_aligned(figures.first_positions[0], 2, 9, 50);
  return figures;
}

}  // namespace sinkscope
