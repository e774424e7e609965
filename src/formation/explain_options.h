#pragma once

#include <cstdint>

namespace sinkscope {

// Every constant of the explanation of sinks: docs/explain.md says why each is what it is. JSON lists them.
struct ExplainOptions {
  // Controls of a run
  int first_ordinary = 8;  // tokens before this position are neither controls nor ordinary
  int n_controls = 10;     // the nearest
  int min_same_token = 3;  // with fewer controls of the run's own token, of any token
  // formed: by MLPs, along the axis
  double min_mlp_share = 0.8;
  double reach_share = 0.8;  // parts_for_80: parts that together hold this share
  int max_parts = 4;
  double min_excess = 2;
  double min_excess_cos = 0.8;
  double max_rank_p = 0.01;
  int min_ranked = 99;  // eligible tokens below which rank_p is not asked
  int n_largest = 4;    // parts that are listed
  int n_neurons = 10;   // neurons that are listed
  // Edits
  int edit_sinks = 8;
  int tokens_after = 257;  // a text is cut so many tokens behind the sink,
  int min_tokens = 400;    // but not before
  double together_share = 0.05;
  double removed_boost = 5;
  double removed_kept = 0.5;
  int n_edit_layers = 2;  // of largest excess at l_start and at l_peak, each
  // End
  double end_norm_ratio = 3;
  double end_alignment = 0.9;
  double end_primary_kept = 0.5;
  // Claims
  double named_height = 0.5;  // a layer is forming or removing from this mean on
  double discovery = 0.05;    // Benjamini-Hochberg over layers
  double max_placebo = 0.1;   // fraction that the placebo may remove
  double max_p = 0.01;        // of the norm's claim
  double primary_p = 0.05;
  int min_sinks = 8, min_sequences = 5;            // of claims about sinks
  int min_edited = 6;                              // of claims about edits
  int min_norm_runs = 20, min_norm_sequences = 5;  // of the norm's claim
  int min_token_runs = 5;                          // of a token, within tokens
  int min_ends = 8;                                // of Harrell's C
  int min_span = 20;                               // layers, of the primary's claim
  int profile_blocks = 3;                          // l+1 .. l+3
  int n_permutations = 10'000;
  int n_bootstraps = 2000;
  int n_permuted_axes = 20;
  int n_pretended = 200;
  std::uint64_t seed = 1;

  bool operator==(const ExplainOptions&) const = default;
};

}  // namespace sinkscope
