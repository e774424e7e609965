#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "measure/candidate_cosines.h"
#include "measure/key_counts.h"
#include "measure/massive_channels.h"
#include "measure/token_roles.h"

namespace sinkscope {

// Everything that one pass measures of one sequence, layer by token. Tokens are positions of the sequence.
//
// Arrays of a quantity that the network lacks in a layer hold zeros there; has_* says so.
// memory  n_layers x n_tokens x (5 + 4 x standing candidates + 2 x n_heads) floats: most texts have one candidate that
//         stands out; grows with n_tokens, never with its square
struct SequenceMeasurement {
  int n_layers = 0;
  int n_tokens = 0;
  int n_heads = 0;       // the largest of all layers
  int n_candidates = 0;  // min(kPrimaryCandidates, n_tokens)
  TokenRoles roles;      // which tokens are candidates, padding, or may be ordinary
  int min_distance = 0;  // what "far" meant

  std::vector<std::uint8_t> has_writes;     // [n_layers] both writes: by r_l, in parallel blocks by their own nodes
  std::vector<std::uint8_t> has_attention;  // [n_layers] column sums
  std::vector<std::uint8_t> has_read;       // [n_layers] read alignment of h_l: block l+1 has a norm
  std::vector<std::uint8_t> has_key_value;  // [n_layers]
  bool has_centred = false;                 // wanted, and there was an ordinary token
  std::vector<int> heads_in_layer;          // [n_layers]
  std::vector<int> kv_heads_in_layer;       // [n_layers]

  Matrix<float> hidden_norm;      // [n_layers, n_tokens] norm of h_l[t]
  Matrix<float> attn_write_norm;  // [n_layers, n_tokens] norm of r_l - h_{l-1}
  Matrix<float> mlp_write_norm;   // [n_layers, n_tokens] norm of h_l - r_l
  Matrix<float> key_norm;         // [n_layers, n_tokens]
  Matrix<float> value_norm;       // [n_layers, n_tokens]
  // Candidates that stand to the end, of which alignments cover all tokens; ascending. See standing_candidates.
  std::vector<std::size_t> standing;
  // Signed cosines against candidate c: alignment(l, c, t) = cos(h_l[t], h_l[c]). NaN for tokens of an earlier
  // micro-batch than the candidate's.
  CandidateCosines alignment;            // [n_layers, n_candidates, n_tokens]
  CandidateCosines centred_alignment;    // both minus the mean ordinary token of the layer: see PackMeter
  CandidateCosines read_alignment;       // after the next block's attention norm and gain
  CandidateCosines mlp_write_alignment;  // cos(h_l[t] - r_l[t], h_l[c])
  // cos(h_l[c], h_m[c]): how a candidate's own direction moves through the layers.
  std::vector<Matrix<float>> self_cosine;  // [n_candidates] of [n_layers, n_layers]

  // The largest channels of h_l[t]: of the candidates, and of tokens whose norm is at least 1.5 x the median so far.
  std::vector<std::vector<TokenChannels>> channels;  // [n_layers], positions ascending
  // [n_layers] median magnitude over all channels of the ordinary tokens at every 32nd position
  std::vector<std::optional<float>> channel_median;
  // returns  null where they were not noted
  const TopChannels* channels_of(std::size_t layer, std::size_t token) const;

  Cube<float> attention_sum;      // [n_layers, n_heads, n_tokens] sum over queries of A[h, q, key]
  Cube<float> attention_far_sum;  // [n_layers, n_heads, n_tokens] over far queries
  KeyCounts key_counts;           // by layer and key
  Matrix<double> learned_mass;    // [n_layers, n_heads] sum over queries of what a learned sink logit took
  int visible_queries(std::size_t layer, std::size_t key) const { return key_counts.of(layer).queries[key]; }
  int far_queries(std::size_t layer, std::size_t key) const { return key_counts.of(layer).far_queries[key]; }
  // Far queries that selected the key; nothing in layers that do not select.
  std::optional<int> far_selected(std::size_t layer, std::size_t key) const {
    const auto& selected = key_counts.of(layer).far_selected;
    return selected.empty() ? std::nullopt : std::optional<int>(selected[key]);
  }
  double far_uniform(std::size_t layer, std::size_t key) const { return key_counts.of(layer).far_uniform[key]; }

  // Keys that were watched as they streamed by, the candidates among them, and sums over their far queries, from the
  // block on in which they were first watched, that are far from candidate c too and see both.
  std::vector<int> watched;              // [n_watched] positions, ascending
  int n_watch_overflow = 0;              // keys that showed state evidence when kWatchedKeys were watched already
  Cube<double> logit_gap_sum;            // [n_layers, n_watched, n_candidates] sum of mean-over-heads logit differences
  Cube<std::int32_t> logit_gap_queries;  // [n_layers, n_watched, n_candidates] over how many queries
  // What removing a watched key would do to the attention output; see EvictionCosts.
  Cube<double> eviction_cost;              // [n_layers, n_watched, n_heads] sum over far queries
  Matrix<std::int32_t> eviction_left_out;  // [n_layers, n_watched] pairs of head and query that were left out
  Matrix<std::int32_t> eviction_queries;   // [n_layers, n_watched] far queries, since the key is watched
};

// A measurement that knows its tokens, and nothing else.
SequenceMeasurement nothing_measured_of(std::span<const TokenId> tokens, const VocabularyFacts& vocabulary,
                                        int n_kept_positions);

// The measurement without what lies behind its first tokens.
//
// n_tokens  more than the last candidate's position, and no later token has been watched
SequenceMeasurement first_tokens(SequenceMeasurement&& measurement, int n_tokens);

}  // namespace sinkscope
