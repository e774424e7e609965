#pragma once

#include <random>
#include <string>

#include "formation/explanation.h"
#include "formation/layer_map.h"
#include "tests/store/samples.h"

namespace sinkscope::testing_samples {

inline std::vector<float> floats(std::mt19937& random, std::size_t n) {
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random() % 4000) / 128.0F - 10;
  return values;
}

inline PartExcess part_excess(std::mt19937& random, int layer) {
  PartExcess excess;
  excess.layer = layer;
  excess.total = 9.5;
  excess.excess.embedding = -0.25;
  for (int l = 0; l <= layer; ++l) {
    excess.excess.attention.push_back(static_cast<double>(random() % 100) / 7);
    excess.excess.mlp.push_back(static_cast<double>(random() % 100) / 7);
  }
  excess.sum = 3.25;
  excess.mlp_share = 0.5;
  excess.parts_for_80 = 2;
  excess.largest = {{{PartKind::kMlp, layer}, 0.5, 2}, {{PartKind::kEmbedding, -1}, 0.25, 1}};
  excess.excess_cos = 0.75;
  return excess;
}

// Of a document with n_layers layers and 40 tokens; with every member filled.
inline SequenceExplanation sequence_explanation(unsigned seed, std::size_t n_layers = 5, int n_runs = 2) {
  std::mt19937 random(seed);
  const auto layers = static_cast<int>(n_layers);
  SequenceExplanation one;
  one.ordinal = static_cast<std::int64_t>(seed);
  one.n_tokens = 40;
  one.primary.position = 1;
  for (LayerFigures* figures : {&one.primary.norm_ratio, &one.primary.far_score, &one.primary.far_boost,
                                &one.primary.heads_over_03, &one.primary.value_norm_ratio}) {
    *figures = layer_figures(random, layers);
  }
  for (auto* values : {&one.primary.mlp_axis, &one.primary.attention_axis, &one.primary.axis_cosine, &one.ordinary.norm,
                       &one.ordinary.state_axis_p50, &one.ordinary.mlp_axis_p50, &one.ordinary.mlp_axis_p99,
                       &one.ordinary.attention_axis_p50, &one.ordinary.attention_axis_p99}) {
    *values = floats(random, n_layers);
  }
  one.ordinary.n = 20;
  one.sees_all.assign(n_layers, 1);
  one.null = {10, 1, 40, 0, floats(random, 10), floats(random, 40)};
  one.neurons_lacking = "no \xFF gate";
  for (int r = 0; r < n_runs; ++r) {
    RunExplanation run;
    run.run.position = 10 + r;
    run.run.kind = r == 0 ? SinkKind::kSecondary : SinkKind::kPrimaryLike;
    run.run.verdict = Verdict::kSink;
    run.run.l_start = 1;
    run.run.l_end = run.l_peak = layers - 1;
    run.token = 77;
    run.norm_ratio = 8.5F;
    run.controls = {r == 0, {20, 21, 30}, 25};
    for (auto* values : {&run.state_axis, &run.attention_axis, &run.mlp_axis, &run.mlp_norm_ratio,
                         &run.control_state_axis, &run.control_attention_axis, &run.control_mlp_axis}) {
      *values = floats(random, n_layers);
    }
    run.mlp_cos.assign(n_layers, 0.5);
    run.mlp_cos[0].reset();
    run.control_mlp = Matrix<float>(3, n_layers, 0.125F);
    run.logit_gap = layer_figures(random, layers);
    run.far_boost = layer_figures(random, layers);
    run.far_score = layer_figures(random, layers);
    run.start = part_excess(random, 1);
    run.peak = part_excess(random, layers - 1);
    run.formed = true;
    run.neurons = NeuronShares{1, 7.5, 1, {{956, std::nullopt, 0.9, 7, 0, 30, 0.99}, {3, 5, 0.1, 1, 0, 2, {}}}};
    run.like_primary = LikePrimary{1, 0.4, 0.9, 0.3, 0.8, 0.99};
    run.end = {EndCause::kOutgrown, 0.9, {}, 4};
    EditOutcome outcome{0.5, 0.01, LayerInterval{2, 3}, true};
    run.edits = {{1, false, 3.5, 400, 12.5, outcome, EditOutcome{}}, {0, true, 0.1, 400, 12.5, {}, {}}};
    run.together = TogetherEdit{{1, 2}, 12.5, outcome};
    run.cannot_be_edited = r == 1;
    one.runs.push_back(std::move(run));
  }
  return one;
}

inline LayerMap layer_map(int layer) {
  LayerMap map;
  map.layer = layer;
  map.n_sinks = map.n_controls = 2;
  map.n_sequences = 2;
  map.n_ordinary = 30;
  map.input_norm_median = 4.5;
  map.scales = {-1, 1};
  map.directions = {{0.75, {1, 2}, {0.5, std::nullopt}, {-0.5, 0.25}}};
  map.hits_typical = 0.5;
  map.isotropic_unit = {400, 0.25, 0.5, 0.1, 2, 3};
  map.path = {{0, 1}, {2, 3}, {0.1, 0.9}, 0.4};
  map.inputs.sink_height_min = 5;
  map.inputs.sink_height_p50 = 6;
  map.sink_projections = Matrix<float>(2, 1, 3);
  map.control_projections = Matrix<float>(2, 1, -3);
  map.decision.n_sets = 2;
  map.decision.mlp_write = {0.9, 0.5, 0.7, 0.005};
  return map;
}

}  // namespace sinkscope::testing_samples
