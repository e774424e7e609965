#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plant/truth.h"
#include "probe/model.h"
#include "sinks/detection.h"
#include "sinks/direction.h"

namespace sinkscope {

struct SinkRequest {
  int layer = 0;
  TokenId token = -1;
  double norm = 0;
  Direction direction;
};

struct PlantOptions {
  std::vector<SinkRequest> sinks;
  bool in_context = false;  // at chosen places of a token, not at all
  std::uint64_t seed = 1;   // of random directions
  double ridge = 1e-3;      // of the regression, relative to the mean square of an input channel
  bool half = false;        // write F16, not F32
  int min_places = 5;       // in the calibration text
  Thresholds thresholds;    // of the detection that finds the primary and the planted sinks
  std::function<bool()> should_stop;
};

using ModelLoader = std::function<std::unique_ptr<Model>(const std::string& path)>;
using Sequences = std::vector<std::vector<TokenId>>;

// Copies a model and plants sinks in it: in the MLP of the layer one neuron is overwritten, so that it fires for the
// token and writes a vector of the norm asked for.
//
//   w            ridge regression of the layer's MLP inputs on "is this place", w . x = 1 on average
//   c            ridge regression of all inputs on 1
//   gate row     6 (w - t c) / (1 - t),  up row w,  down column (norm / act(6)) u;  t = kPlantThreshold
//   u            the direction, of length 1; by default that of h_l[primary]
//   post-norm    down column along u / gain, or as near to it as the norm allows, of the length that
//                gives the norm asked for behind the gain
//
// Only the three (fused: two) matrices of the layers named change; all else is copied byte for byte. The planted
// model is then run over the calibration text once more: the truth says what it shows.
//
// calibration  token sequences as a scan would run them, with BOS where the model wants it
// returns      the truth; not yet written to a file
// throws       Error{kModel} for blocks with experts or without gate, and models without a primary;
//              Error{kInput} for too few places, a layer before the primary's birth, a norm that the post-norm
//              cannot reach, a token that is a sink there already; Error{kOutput}; whatever a run throws
// cost         two passes over the calibration text with all measurements, d_model^3 / 3 for each sink and each layer
PlantTruth plant_sinks(const std::string& source, const std::string& target, const ModelLoader& load,
                       const Sequences& calibration, const PlantOptions& options);

}  // namespace sinkscope
