#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/views.h"
#include "formation/controls.h"
#include "formation/formation_claim.h"
#include "formation/neurons.h"
#include "formation/norm_claim.h"
#include "formation/parts.h"
#include "formation/primary_claim.h"
#include "formation/run_end.h"
#include "sinks/detection.h"
#include "sinks/figures.h"

namespace sinkscope {

// What became of a sink's attention when a write was changed.
struct EditOutcome {
  std::optional<double> far_boost;   // median over the blocks that read the run
  std::optional<double> kept;        // after / before
  std::optional<LayerInterval> run;  // the state run that is left, if any overlaps
  bool removed = false;
};

// Edits of one MLP's write in one sink.
struct LayerEdit {
  int layer = 0;
  bool placebo = false;
  double excess = 0;   // of the MLP, at l_start or, for layers behind it, at l_peak
  int tokens_run = 0;  // of the cut text
  std::optional<double> far_boost_before;
  EditOutcome axis;                 // its height along the axis becomes the controls' mean
  std::optional<EditOutcome> rest;  // all else becomes the controls' mean; nothing: a placebo
};

// `axis` on several MLPs at once.
struct TogetherEdit {
  std::vector<int> layers;
  std::optional<double> far_boost_before;
  EditOutcome outcome;
};

struct RunExplanation {
  Run run;
  TokenId token = 0;
  int l_peak = 0;
  std::optional<float> norm_ratio, peak_norm_ratio, read_alignment;  // at l_start, l_peak, l_start
  Controls controls;
  std::vector<float> state_axis, attention_axis, mlp_axis, mlp_norm_ratio;  // [n_layers]
  std::vector<std::optional<double>> mlp_cos;                               // [n_layers]
  // [n_layers] means over the controls; empty without any
  std::vector<float> control_state_axis, control_attention_axis, control_mlp_axis;
  Matrix<float> control_mlp;                     // [n_controls, n_layers] mlp_axis of each
  LayerFigures logit_gap, far_boost, far_score;  // [n_layers]
  std::optional<PartExcess> start, peak;         // nothing without controls
  std::optional<PartExcess> start_read;          // nothing where attention reads through no RMS norm
  std::optional<bool> formed;
  std::optional<NeuronShares> neurons;
  std::optional<LikePrimary> like_primary;
  RunEnd end;
  std::vector<LayerEdit> edits;
  std::optional<TogetherEdit> together;
  bool cannot_be_edited = false;  // the text cut for edits shows no such run
};

struct PrimaryExplanation {
  int position = 0;
  int birth_layer = 0;
  LayerFigures norm_ratio;
  std::vector<float> mlp_axis, attention_axis, axis_cosine;  // [n_layers]
  LayerFigures far_score, far_boost, heads_over_03, value_norm_ratio;
};

// Tokens at position >= first_ordinary that are in no run.
struct OrdinaryHeights {
  int n = 0;
  std::vector<float> norm;  // [n_layers] m_l
  // [n_layers]; empty if there are none
  std::vector<float> state_axis_p50, mlp_axis_p50, mlp_axis_p99, attention_axis_p50, attention_axis_p99;
};

// One sequence, explained.
struct SequenceExplanation {
  std::int64_t ordinal = 0;  // in the results file
  int n_tokens = 0;
  PrimaryExplanation primary;
  OrdinaryHeights ordinary;
  std::vector<std::uint8_t> sees_all;  // [n_layers] no window cut the text
  std::vector<RunExplanation> runs;
  FormationNull null;
  int n_unaligned = 0;          // sinks that have no axis: counted, not explained
  std::string neurons_lacking;  // why the MLPs' neurons cannot be told; empty if they can
  std::string writes_lacking;   // why nothing can be said of writes: then runs are empty; empty if it can
};

}  // namespace sinkscope
