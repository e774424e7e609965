#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plant/planter.h"
#include "plant/trial/validation.h"
#include "plant/truth.h"

namespace sinkscope {

// The same tokens, layers and norms with another direction: what a sink is not.
struct ControlRow {
  std::string direction;
  int n_models = 0;                        // one, or one a seed
  int places = 0;                          // over all models
  std::string unreachable;                 // why the direction could not be planted
  std::optional<Spread> far_boost;         // over places: median of the four blocks behind the layer
  std::optional<Spread> far_boost_models;  // over models: median of its places
  std::map<std::string, int> kinds;        // places by the kind reported; "none"
  std::optional<double> primary_score;     // mean over models and texts, in the block behind the last layer
};

struct ControlTable {
  std::vector<ControlRow> rows;
  // Whether the axis lies above the 95th percentile of the orthogonal directions.
  std::optional<bool> axis_beats_orthogonal;
};

struct ControlOptions {
  Thresholds thresholds;
  int n_seeds = 20;     // of orthogonal and permuted
  std::string scratch;  // path of the models that are made and removed, one at a time
  std::function<bool()> should_stop;
  std::function<void(const std::string& direction, int done, int total)> on_progress;
  ThresholdTrial* trial = nullptr;  // shown every reading, if given
};

// Plants every direction in place of the one that is there, one model after the other, and reads the texts with each.
//
// planted  path of the planted model; its neurons keep what they look for
// throws   Error{kOutput} if the scratch model cannot be written; whatever a run throws
// cost     7 + 2 n_seeds copies of the model and passes over the texts
ControlTable run_controls(const std::string& planted, const ModelLoader& load, const PlantTruth& truth,
                          const Sequences& texts, const ControlOptions& options);

}  // namespace sinkscope
