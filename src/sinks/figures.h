#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/views.h"

namespace sinkscope {

using LayerFigures = std::vector<std::optional<float>>;  // [n_layers], empty where not measured

// All that the rules need to know of one token: its figures in every layer.
struct TokenProfile {
  int position = 0;
  LayerFigures norm_ratio;         // norm of h_l / median over ordinary tokens
  LayerFigures alignment;          // with the primary candidate of the sequence
  LayerFigures centred_alignment;
  LayerFigures read_alignment;
  LayerFigures mlp_write_norm;
  LayerFigures mlp_write_alignment;
  LayerFigures value_norm_ratio;   // value norm / median over ordinary tokens
  LayerFigures score;              // mean over heads, all visible queries
  LayerFigures score_head_max;
  LayerFigures score_group_max;    // max over KV groups of the group's mean
  LayerFigures heads_over_03_frac; // fraction of heads with score > 0.3
  LayerFigures far_score;          // mean over heads, far queries; empty under 64 of them
  LayerFigures far_boost;          // mean over heads
  LayerFigures heads_over_10;      // number of heads with far boost >= 10
  LayerFigures logit_gap;          // against the primary candidate
};

// One sequence, reduced to what a rule can ask: storable, and enough to apply other thresholds later.
struct SequenceFigures {
  int n_layers = 0;
  int n_tokens = 0;
  int prompt_tokens = 0;
  int min_distance = 0;
  int n_watch_overflow = 0;
  // Position in the first 8 with the largest mean norm ratio over layers; nothing where norm ratios are undefined.
  std::optional<int> candidate;
  std::vector<TokenProfile> first_positions;  // of positions 0 .. min(8, n_tokens)-1
  std::vector<Matrix<float>> self_cosine;     // [first_positions] of [n_layers, n_layers]
  std::vector<TokenProfile> tokens;           // later positions above the loose floor, ascending
  LayerFigures ordinary_norm;                 // [n_layers] median norm of ordinary tokens
};

// What a token must show to be kept in SequenceFigures::tokens: looser than any rule that is applied later.
struct CandidateFloor {
  float alignment = 0.7F;
  float norm_ratio = 1.5F;
  float unaligned_far_boost = 4.0F;   // in two consecutive blocks, whatever the alignment
  bool any_norm_both_signs = false;   // the paper's rule: |alignment| alone decides
};

}  // namespace sinkscope
