#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/views.h"
#include "formation/claim.h"
#include "formation/decision.h"
#include "formation/explain_options.h"
#include "sinks/detection.h"

namespace sinkscope {

// What a layer's MLP is asked about one kind of sinks.
struct MapVectors {
  SinkKind kind = SinkKind::kSecondary;
  int layer = 0;
  Matrix<float> sinks, controls;  // [n, d_model] MLP inputs; of each sink's nearest control
  Matrix<float> ordinary;         // [n, d_model] MLP inputs of tokens in no run
  std::vector<int> sequences;     // [n_sinks]
  // Of the MLP's real writes: heights, and cosines with the axis.
  std::vector<float> sink_heights, ordinary_heights, ordinary_cos;
  std::vector<float> axis, primary_write;  // [d_model] u_l, and what the MLP writes into the primary
  double norm = 1;                         // m_l
  // The same vectors of sinks and their controls, where those are of the same token.
  std::vector<DecisionSet> state, attention_write, mlp_input, mlp_write;
};

// What the MLP makes of one direction, at each scale.
struct MappedDirection {
  double variance = 0;                                        // fraction of the inputs' that it holds
  std::vector<double> norm_ratio;                             // [n_scales]
  std::vector<std::optional<double>> cos, cos_primary_write;  // [n_scales] with u_l, and with the primary's write
};

// What it makes of directions that nothing has chosen.
struct NullDirections {
  int n = 0;
  std::optional<double> hits_frac, both_signs_frac, cos_p50, norm_ratio_p50, norm_ratio_p99;
};

// From the controls' mean input, lambda 0, to the sinks', lambda 1.
struct MapPath {
  std::vector<double> lambda, norm_ratio;
  std::vector<std::optional<double>> cos;
  std::optional<double> half_at;  // where half the height of lambda 1 is first reached
};

struct MappedInputs {
  std::optional<double> sink_height_p50, sink_height_min, ordinary_height_p99, ordinary_height_max,
      ordinary_cos_over_98_frac;
};

struct MapDecision {
  int n_sets = 0, n_sequences = 0;
  Discrimination state, attention_write, mlp_input, mlp_write;
};

// A layer's MLP as a map of directions, for one kind of sinks.
struct LayerMap {
  SinkKind kind = SinkKind::kSecondary;
  int layer = 0;
  int n_sinks = 0, n_sequences = 0, n_controls = 0, n_ordinary = 0;
  double input_norm_median = 0;  // R, of ordinary tokens
  std::vector<double> scales;    // signed; ascending
  std::vector<MappedDirection> directions;
  // Of (direction, sign): how often the cosine is at least hit_cos; its magnitude. At norm 1 and at R.
  std::optional<double> hits_unit, hits_typical, both_signs_unit, both_signs_typical;
  NullDirections isotropic_unit, isotropic_typical, differences_unit, differences_typical;
  MapPath path;
  MappedInputs inputs;
  Matrix<float> sink_projections, control_projections;  // [n, up to n_projections] on the first components
  MapDecision decision;

  bool specific() const;                // the lowest sink is higher than 99 % of ordinary tokens
  std::optional<bool> generic() const;  // chance directions hit half as often or more; nothing where none hits
};

// A layer's MLP: [n, d_model] inputs to [n, d_model] writes.
using MlpFunction = std::function<Matrix<float>(MatrixView<const float>)>;

// Components of the inputs, directions of chance, the path, projections and decisions.
//
// vectors  with a sink, a control and an ordinary token at least; axis not 0
// throws   Error{kInternal} unless there are these; whatever mlp throws
// cost     one call of mlp with about 10 n_components + 8 n_chance rows; principal_components of sinks and controls;
//          4 x discriminate
LayerMap map_of(const MapVectors& vectors, const MlpFunction& mlp, const ExplainOptions& options);

// Does the MLP map the sinks' directions to the axis, and not any direction? Of the map in which sinks are highest.
//
// maps  of the kind; other kinds are passed over
Claim map_claim(std::span<const LayerMap> maps, SinkKind kind, const ExplainOptions& options);

// The map in which sinks of a kind are highest; null if there is none.
const LayerMap* main_map(std::span<const LayerMap> maps, SinkKind kind);

}  // namespace sinkscope
