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
  // Map
  double hit_cos = 0.98;
  int n_mapped_before = 3;    // layers before the commonest MLP
  int n_components = 20;      // directions of the sinks' and controls' inputs, at most
  int n_chance = 200;         // isotropic directions, and differences of ordinary inputs
  int n_projections = 6;      // components on which sinks and controls are projected
  int n_decision_sets = 100;  // sinks with their controls
  int n_exchanged = 200;      // draws in which labels are exchanged within these
  int max_vectors = 4096;     // inputs of ordinary tokens; of sinks and controls
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

// Calls visit(name, member) for each constant: the one list that JSON and results files share.
template <typename Options, typename Visit>
void for_each_explain_option(Options& o, Visit&& visit) {
  visit("first_ordinary", o.first_ordinary);
  visit("n_controls", o.n_controls);
  visit("min_same_token", o.min_same_token);
  visit("min_mlp_share", o.min_mlp_share);
  visit("reach_share", o.reach_share);
  visit("max_parts", o.max_parts);
  visit("min_excess", o.min_excess);
  visit("min_excess_cos", o.min_excess_cos);
  visit("max_rank_p", o.max_rank_p);
  visit("min_ranked", o.min_ranked);
  visit("n_largest", o.n_largest);
  visit("n_neurons", o.n_neurons);
  visit("edit_sinks", o.edit_sinks);
  visit("tokens_after", o.tokens_after);
  visit("min_tokens", o.min_tokens);
  visit("together_share", o.together_share);
  visit("removed_boost", o.removed_boost);
  visit("removed_kept", o.removed_kept);
  visit("n_edit_layers", o.n_edit_layers);
  visit("end_norm_ratio", o.end_norm_ratio);
  visit("end_alignment", o.end_alignment);
  visit("end_primary_kept", o.end_primary_kept);
  visit("hit_cos", o.hit_cos);
  visit("n_mapped_before", o.n_mapped_before);
  visit("n_components", o.n_components);
  visit("n_chance", o.n_chance);
  visit("n_projections", o.n_projections);
  visit("n_decision_sets", o.n_decision_sets);
  visit("n_exchanged", o.n_exchanged);
  visit("max_vectors", o.max_vectors);
  visit("named_height", o.named_height);
  visit("discovery", o.discovery);
  visit("max_placebo", o.max_placebo);
  visit("max_p", o.max_p);
  visit("primary_p", o.primary_p);
  visit("min_sinks", o.min_sinks);
  visit("min_sequences", o.min_sequences);
  visit("min_edited", o.min_edited);
  visit("min_norm_runs", o.min_norm_runs);
  visit("min_norm_sequences", o.min_norm_sequences);
  visit("min_token_runs", o.min_token_runs);
  visit("min_ends", o.min_ends);
  visit("min_span", o.min_span);
  visit("profile_blocks", o.profile_blocks);
  visit("n_permutations", o.n_permutations);
  visit("n_bootstraps", o.n_bootstraps);
  visit("n_permuted_axes", o.n_permuted_axes);
  visit("n_pretended", o.n_pretended);
  visit("seed", o.seed);
}

}  // namespace sinkscope
