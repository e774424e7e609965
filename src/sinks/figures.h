#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "measure/measurement.h"

namespace sinkscope {

using LayerFigures = std::vector<std::optional<float>>;  // [n_layers], empty where not measured

// All that the rules need to know of one token: its figures in every layer.
struct TokenProfile {
  int position = 0;
  LayerFigures hidden_norm;  // norm of h_l, measured in every layer
  LayerFigures norm_ratio;   // norm of h_l / median over ordinary tokens
  LayerFigures alignment;    // with the primary candidate of the sequence
  LayerFigures centred_alignment;
  LayerFigures read_alignment;
  LayerFigures mlp_write_norm;
  LayerFigures mlp_write_alignment;
  LayerFigures value_norm_ratio;  // value norm / median over ordinary tokens
  LayerFigures score;             // mean over heads, all visible queries
  LayerFigures score_head_max;
  LayerFigures score_group_max;                           // max over KV groups of the group's mean
  LayerFigures sink_rate_03;                              // share of heads with score > 0.3
  LayerFigures far_score;                                 // mean over heads, far queries; empty under 64 of them
  LayerFigures far_boost;                                 // mean over heads
  LayerFigures heads_over_10;                             // number of heads with far boost >= 10
  LayerFigures logit_gap;                                 // against the primary candidate
  LayerFigures sink_rate_02, sink_rate_05, sink_rate_08;  // share of heads with a score above 0.2, 0.5, 0.8
  // The three channels of the state with the largest magnitudes: index, value, and magnitude / channel_median. Measured
  // of the first positions, and where the norm is large.
  LayerFigures massive_channel_1, massive_channel_2, massive_channel_3;
  LayerFigures massive_value_1, massive_value_2, massive_value_3;
  LayerFigures massive_ratio_1, massive_ratio_2, massive_ratio_3;
  LayerFigures eviction_cost;      // of watched tokens: sum over far queries of the squared distance that the attention
                                   // output moves without the token, mean over heads
  LayerFigures eviction_left_out;  // pairs of head and query that it leaves out
  LayerFigures massive_overlap;    // how many of the three are among the primary candidate's
  LayerFigures attention_share;    // score over all queries of the sequence, as if those that do not see it gave 0
  LayerFigures far_attention;      // sum over far queries of the attention that it gets, mean over heads
  LayerFigures far_even;           // sum over far queries of 1 / keys that the query sees
  LayerFigures far_z;              // how the far boost stands among those of the ordinary keys beside it: FarStanding
  LayerFigures far_spread;         // of their log far boosts
  LayerFigures selection_rate;     // share of the far queries that selected it; only in layers that select keys
  // Cosines with positions 0, 1 and 2, for the authors' rule; empty unless kept with any_norm_both_signs.
  std::vector<LayerFigures> first_alignment;
};

// A profile in which nothing is measured: figures of n_layers layers, all empty.
TokenProfile empty_profile(int position, int n_layers);

// One sequence, reduced to what a rule can ask: storable, and enough to apply other thresholds later.
struct SequenceFigures {
  int n_layers = 0;
  int n_tokens = 0;
  int prompt_tokens = 0;
  int min_distance = 0;
  int n_watch_overflow = 0;
  int n_padding = 0;  // of the tokens: see TokenRoles
  // Positions among which the primary is sought, ascending, and how each one's direction moves through the layers. In
  // all but few texts they are the first positions.
  std::vector<int> candidates;
  std::vector<Matrix<float>> self_cosine;  // [candidates] of [n_layers, n_layers]
  // The candidate with the largest mean norm ratio over layers; of those that come within 5 % of it the first; padding
  // only where no other has a quarter of its ratio. Nothing where norm ratios are undefined.
  std::optional<int> candidate;
  std::vector<TokenProfile> first_positions;  // of positions 0 .. min(8, n_tokens)-1
  // Later candidates, and later positions above the loose floor, ascending. Of those that the authors' rule alone asks
  // for nothing is kept but first_alignment.
  std::vector<TokenProfile> tokens;
  LayerFigures ordinary_norm;   // [n_layers] median norm of ordinary tokens
  LayerFigures channel_median;  // [n_layers] median magnitude of a channel of ordinary tokens
  LayerFigures far_attention;   // [n_layers] of all tokens: sums of TokenProfile::far_attention and far_even
  LayerFigures far_even;
  LayerFigures learned_share;  // [n_layers] of all attention: what learned sink logits take, mean over heads; 0 without
};

// returns  the figures of the token at this position; nullptr if they were not kept
const TokenProfile* profile_of(const SequenceFigures& figures, int position);

// What a token must show to be kept in SequenceFigures::tokens: looser than any rule that is applied later.
struct CandidateFloor {
  float alignment = 0.7F;  // and norm_ratio, in one layer
  float norm_ratio = 1.5F;
  float unaligned_far_boost = 4.0F;  // in two consecutive blocks, whatever the alignment
  bool any_norm_both_signs = false;  // the authors' rule: |alignment| with position 0, 1 or 2 alone decides
};

inline constexpr int kPaperPositions = 3;  // among which the authors' rule seeks the primary, at most
// MeterOptions::n_kept_positions that a floor asks for.
inline int positions_kept_for(const CandidateFloor& floor) { return floor.any_norm_both_signs ? kPaperPositions : 0; }

inline constexpr int kMinFarQueries = 64;  // with fewer, far figures are not measured

// One sequence's measurement as figures of the tokens that a rule may ask about.
//
//   norm_ratio[l, t] = norm of h_l[t] / median over ordinary tokens of the layer
//   ordinary         = tokens that may be (TokenRoles) with norm <= 5 x the lower quartile over these; the value at
//   index
//                      floor(n / 4) of the n sorted norms. A median of an even count is the mean of the middle two
//   far_boost[l, t]  = far_score / (far_uniform / far_queries), where far_queries >= 64
//
// prompt_tokens  how many of the tokens are the prompt; carried through
// returns        profiles of the first 8 positions, of all candidates, and of later tokens above the floor
// cost           O(n_layers x n_tokens x n_heads)
SequenceFigures reduce(const SequenceMeasurement& measurement, int prompt_tokens, const CandidateFloor& floor);

// One array of the profiles of a sequence, as it is exported: NaN where not measured.
struct ProfileArray {
  std::string name;
  std::vector<std::size_t> shape;
  std::vector<float> values;
  bool by_token = true;  // the last axis is n_tokens
};

// Every profile of a sequence, in the order of profile_fields() (sinks/fields.h): [n_layers, n_tokens] each; with heads
// also those by head, [n_layers, n_heads, n_tokens] each.
//
// candidate  position with whom alignments are (SequenceFigures::candidate); without one they are not measured
std::vector<ProfileArray> profile_arrays(const SequenceMeasurement& measurement, std::optional<int> candidate,
                                         bool with_heads);

}  // namespace sinkscope
